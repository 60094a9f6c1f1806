"""A vector that stands for a picture."""

from kerasvision.drawing.showing.base import Showing

FIRST = 4  # numbers of it in words


class VectorShowing(Showing):
    """Final. Of {"embedding": [numbers]}; of a picture and a text also {"cosine"}, which is all that is said in
    words."""

    def in_words(self, described):
        if "cosine" in described:
            return f"cosine {described['cosine']:.3f}"
        vector = described["embedding"]
        more = ", ..." if len(vector) > FIRST else ""
        return f"{len(vector)} numbers: " + ", ".join(f"{v:.3f}" for v in vector[:FIRST]) + more

    def title(self, described):
        return self.in_words(described) if "cosine" in described else f"{len(described['embedding'])} numbers"

    def rows(self, described):
        return [{"number": n, "value": v} for n, v in enumerate(described["embedding"])]
