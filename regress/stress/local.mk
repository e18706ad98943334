EXTRA_DIST += %D%/aio-max-nr %D%/hog_aio.c
