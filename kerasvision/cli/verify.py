"""`kerasvision verify FOLDER`: does this device answer the golden examples of exported files as it must."""

from kerasvision.core.errors import KerasVisionError

HELP = "verify exported files on this device: golden.json's photographs, inputs and answers, as every client does"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("folder", metavar="FOLDER", help="of exported files, as tflite/models/NAME")
    parser.add_argument("--threads", type=int, help="of the runtime (default: its own choice)")


def run(args):
    """Print a line a file; 1 if one fails."""
    from kerasvision.edge import EdgeError
    from kerasvision.edge.verifying import in_words, verify

    try:
        findings = verify(args.folder, args.threads)
    except EdgeError as error:
        raise KerasVisionError(str(error)) from None
    print("\n".join(in_words(findings)))
    return 0 if all(finding.passes for finding in findings) else 1
