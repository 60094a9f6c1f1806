"""Whether identities of one camera are found again by another one: rank-k and mean average precision.

As of "Scalable Person Re-identification: A Benchmark" (Zheng et al. 2015, doi:10.1109/ICCV.2015.133): the gallery is
what the other camera has seen, sorted by how alike it is.
"""

import numpy as np

from kerasvision.core.errors import KerasVisionError

RANKS = (1, 5, 10)


def reidentification(queries, query_ids, gallery, gallery_ids):
    """{"rank-1", "rank-5", "rank-10": the share of queries with one of their identity among the first; "mAP": the mean
    over queries of the mean precision at each place where one of their identity stands; "queries": how many count;
    "without_match": how many do not, for nobody in the gallery is them}. Figures are None where no query counts.

    queries [N, D], gallery [M, D]: unit vectors of two cameras; ..._ids: whose they are. Of equal cosines the earlier
    one of the gallery comes first. Raises KerasVisionError of vectors that are not finite, or not as many as ids.
    """
    queries, gallery = (np.asarray(part, np.float64) for part in (queries, gallery))
    query_ids, gallery_ids = np.asarray(query_ids), np.asarray(gallery_ids)
    for vectors, ids in ((queries, query_ids), (gallery, gallery_ids)):
        if vectors.ndim != 2 or len(vectors) != len(ids):
            raise KerasVisionError(f"vectors of shape {vectors.shape} with {len(ids)} identities; give a row each")
        if not np.isfinite(vectors).all():
            raise KerasVisionError("a vector has numbers that are not finite; nothing can be near to it")
    order = np.argsort(-(queries @ gallery.T), axis=1, kind="stable") if len(queries) and len(gallery) else None
    hits = gallery_ids[order] == query_ids[:, None] if order is not None else np.zeros((len(queries), 0), bool)
    matched = hits[hits.any(1)]
    found = {"queries": len(matched), "without_match": len(queries) - len(matched)}
    if not len(matched):
        return dict.fromkeys((*(f"rank-{k}" for k in RANKS), "mAP")) | found
    precision = matched.cumsum(1) / np.arange(1, matched.shape[1] + 1)
    average = (precision * matched).sum(1) / matched.sum(1)
    ranks = {f"rank-{k}": float(matched[:, :k].any(1).mean()) for k in RANKS}
    return ranks | {"mAP": float(average.mean())} | found
