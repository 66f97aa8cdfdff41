"""``python -m gazebench``, which ``accelerate launch -m gazebench`` needs."""

from gazebench.cli import main

main()
