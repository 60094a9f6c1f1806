"""Volume segmentation: one class for each voxel."""
