"""3D U-Net finds three organs: noisy ellipsoids that drift in intensity, over a real scan.

Shows: NIfTI volumes in several orientations, patches that favor the foreground, augmentation in millimeters, windows
when answering, and surfaces in millimeters.
Commands: python pipelines/prepare_volumes.py --out data/volumes
          kerasvision train pipelines/segment_volume_unet3d.py --out runs/volume-unet3d
          kerasvision predict runs/volume-unet3d data/volumes/images/test --out masks --draw volumes.png
Measured on 2 cores (AVX2, shared with other work): training and exports 16 minutes; 12 unseen volumes with voxels of
unequal sides:

              Dice    HD95, mm   mean error of the volume, ml
    organ_a   0.945   11.8       3.96
    organ_b   0.870   16.5       1.88
    organ_c   0.930   12.6       0.20

The files answer as the trained model does (0 of 12 masks change; errors of probabilities below 4e-6). HD95 is large
where islands lie far from their organ; `predict --largest` takes them away.
"""

from _volumes import segmenter

recipe = segmenter("volume_unet3d", "volume_segmentation/unet3d", epochs=120, width=16)
