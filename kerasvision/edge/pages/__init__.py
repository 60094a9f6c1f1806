"""Reading a page by a detector of text and recognizers of lines, whatever runs them: crops, cuts, words, their order.

On the host, in numpy alone, so that a phone or a small computer reads as `kerasvision read` does, by the same lines.
"""
