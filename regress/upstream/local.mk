# libevent's own tests, fetched, built and run on our libraries.
EXTRA_DIST += \
	%D%/RESULTS.md \
	%D%/apt-sources \
	%D%/build.py \
	%D%/dns-offline \
	%D%/fetch \
	%D%/groups.py \
	%D%/http-bench \
	%D%/run \
	%D%/skips \
	%D%/timing \
	%D%/tinytest.py
