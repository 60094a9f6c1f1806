"""A folder that any static host serves: a page, its module, LiteRT.js and the files of one export."""
