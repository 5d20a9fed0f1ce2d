"""The knowledge base: passages with sources, and the ways to find them."""

import os

# numpy's OpenBLAS starts a thread a core and lets them spin. Beside other busy processes that costs the encoder twenty
# times its time (16 texts: 230 ms in place of 11 on two cores), and the encoder's own limit needs `threadpoolctl`,
# which is not among our packages. Read once, when numpy is first imported: that happens below this package.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
