# Building against our libraries, Debian packages, and clean roots.
EXTRA_DIST += \
	%D%/alone.py \
	%D%/bare-debian \
	%D%/contents \
	%D%/program.py \
	%D%/root.sh \
	%D%/run \
	%D%/sample_cases.py \
	%D%/samples.py \
	%D%/serve
