"""What cameras, networks, weather and light do to photographs, in five severities; a file is a group."""
