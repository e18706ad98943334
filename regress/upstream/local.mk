# libevent's own tests, fetched, built and run on our libraries.
EXTRA_DIST += \
	%D%/build.py \
	%D%/fetch \
	%D%/groups.py \
	%D%/run \
	%D%/skips \
	%D%/timing \
	%D%/tinytest.py
