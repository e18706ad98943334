# Real programs, not rebuilt, on our libraries.
EXTRA_DIST += %D%/memcached.py %D%/sandbox.sh %D%/site.py %D%/sslsplit.sh \
	%D%/ustreamer.sh
