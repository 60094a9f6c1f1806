"""What goes with exported files: labels, versions, deployment, signatures, model cards, bills of materials."""
