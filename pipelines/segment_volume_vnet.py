"""V-Net finds three organs: noisy ellipsoids that drift in intensity, over a real scan.

Shows: NIfTI volumes in several orientations, patches that favor the foreground, augmentation in millimeters, windows
when answering, and surfaces in millimeters.
Commands: python pipelines/prepare_volumes.py --out data/volumes
          kerasvision train pipelines/segment_volume_vnet.py --out runs/volume-vnet
          kerasvision predict runs/volume-vnet data/volumes/images/test --out masks --draw volumes.png
Measured on 2 cores (AVX2, shared with other work): training 20 minutes, exports 6; 12 unseen volumes with voxels of
unequal sides:

              Dice    HD95, mm   mean error of the volume, ml
    organ_a   0.971    9.7       0.70
    organ_b   0.885    4.8       1.79
    organ_c   0.942   20.1       0.16

The files answer as the trained model does (0 of 12 masks change; errors of probabilities below 4e-6). HD95 is large
where islands lie far from their organ; `predict --largest` takes them away.
"""

from _volumes import segmenter

recipe = segmenter("volume_vnet", "volume_segmentation/vnet", epochs=300, width=8, kernel=3)
