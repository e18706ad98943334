# What was built is hardened; the environment in secure execution; files.
EXTRA_DIST += %D%/run %D%/secure.c
