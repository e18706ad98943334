# Building against our libraries, Debian packages, and clean roots.
EXTRA_DIST += \
	%D%/program.py \
	%D%/sample_cases.py \
	%D%/samples.py
