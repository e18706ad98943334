# Real programs, not rebuilt, on our libraries.
EXTRA_DIST += %D%/memcached.py
