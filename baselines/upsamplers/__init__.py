"""Ways to bring GazeGANV2's portraits from half size to full size, one file each (Table VI)."""
