"""Where boxes will be: a Kalman filter in seconds (Kalman 1960; of boxes, Bewley et al. 2016, arXiv:1602.00763).

A box is x and y of its center, width and height, each with a velocity and each a filter of its own: with noise that is
independent of the others, a filter of eight numbers falls into four of two. Noise grows with time and not with frames,
so one step of 0.2 s says what two of 0.1 s say. It is measured in mean sides of the box when it was last seen.

Arrays: `mean` float64 [N, 4, 2] of values (pixels) and velocities (pixels a second); `covariance` float64 [N, 4, 3] of
value, value with velocity, and velocity; `unit` [N] pixels, the mean side.
"""

import numpy as np


def started(observed, unit, noise):
    """(mean, covariance) of boxes seen for the first time. observed: [N, 4], center, width, height."""
    mean = np.stack([observed, np.zeros_like(observed)], -1)
    one = np.array([(2 * noise.seen) ** 2, 0.0, noise.speed**2])
    return mean, np.broadcast_to(one * unit[:, None, None] ** 2, (len(observed), 4, 3)).copy()


def predicted(mean, covariance, unit, seconds, noise):
    """(mean, covariance) so many seconds later. seconds: a number, or [N]."""
    t = np.broadcast_to(np.asarray(seconds, np.float64), unit.shape)[:, None]
    value, both, velocity = np.moveaxis(covariance, -1, 0)
    place, speed = (noise.position * unit[:, None]) ** 2, (noise.velocity * unit[:, None]) ** 2
    after = (
        value + 2 * t * both + t**2 * velocity + place * t + speed * t**3 / 3,
        both + t * velocity + speed * t**2 / 2,
        velocity + speed * t,
    )
    return np.stack([mean[..., 0] + t * mean[..., 1], mean[..., 1]], -1), np.stack(after, -1)


def updated(mean, covariance, observed, unit, noise):
    """(mean, covariance) after boxes were seen. observed: [N, 4]; unit: of the boxes that were seen."""
    value, both, velocity = np.moveaxis(covariance, -1, 0)
    error = (noise.seen * unit[:, None]) ** 2
    total = value + error
    apart = observed - mean[..., 0]
    moved = mean + (np.stack([value, both], -1) / total[..., None]) * apart[..., None]
    left = error / total
    return moved, np.stack([value * left, both * left, velocity - both**2 / total], -1)


def reseen(mean, covariance, unit, before, observed, seconds, steps, noise):
    """(mean, covariance) of tracks that come back, filtered as if they had been seen all the while on a straight line
    from where they were last seen (observation-centric re-update, OC-SORT, Cao et al. 2023, arXiv:2203.14360).

    mean, covariance: when they were last seen; before, observed: [N, 4], the boxes then and now. seconds: [N], the time
    between; steps: int [N], in how many steps, one or more. The last of them is not yet updated with `observed`.
    """
    done = 1
    while (on := steps > done).any():
        share = (done / steps[on])[:, None]
        virtual = before[on] + share * (observed[on] - before[on])
        part = predicted(mean[on], covariance[on], unit[on], seconds[on] / steps[on], noise)
        mean, covariance = mean.copy(), covariance.copy()
        mean[on], covariance[on] = updated(*part, virtual, unit[on], noise)
        done += 1
    return predicted(mean, covariance, unit, seconds / steps, noise)


def distances(mean, covariance, observed, unit, noise):
    """[N, M]: how many standard deviations the centers of M boxes are from where N are expected (Mahalanobis 1936)."""
    spread = covariance[:, None, :2, 0] + (noise.seen * unit[:, None, None]) ** 2
    return np.sqrt(((observed[None, :, :2] - mean[:, None, :2, 0]) ** 2 / spread).sum(-1))


def smoothed(observed, times, unit, noise):
    """float64 [T, 4, 2], values and velocities of one box at all times, of all that was seen before and after them
    (Rauch, Tung, Striebel 1965, doi:10.2514/3.3166).

    observed: [T, 4], NaN where it was not seen, which may not be the first row; times: [T] seconds; unit: pixels.
    """
    unit = np.array([float(unit)])
    filtered, expected = [started(observed[:1], unit, noise)], []
    for n in range(1, len(observed)):
        expected.append(predicted(*filtered[-1], unit, times[n] - times[n - 1], noise))
        is_seen = not np.isnan(observed[n]).any()
        filtered.append(updated(*expected[-1], observed[n : n + 1], unit, noise) if is_seen else expected[-1])
    held = [filtered[-1][0][0]]
    for n in range(len(observed) - 2, -1, -1):
        (mean, covariance), (ahead, spread) = filtered[n], expected[n]
        gain = _with_next(covariance[0], times[n + 1] - times[n]) @ np.linalg.inv(as_matrices(spread[0]))
        held.append(mean[0] + (gain @ (held[-1] - ahead[0])[..., None])[..., 0])
    return np.array(held[::-1])


def as_matrices(covariance):
    """[..., 3] -> [..., 2, 2]."""
    return covariance[..., [[0, 1], [1, 2]]]


def _with_next(covariance, seconds):
    """[4, 2, 2]: of values and velocities now with those so many seconds later."""
    return as_matrices(covariance) @ np.array([[1.0, 0.0], [seconds, 1.0]])
