"""What data sets hold: checks, findings, duplicates, doubtful labels, sheets, anchors, conversion."""
