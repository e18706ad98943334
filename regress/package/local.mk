# Building against our libraries, Debian packages, and clean roots.
EXTRA_DIST += \
	%D%/alone.py \
	%D%/autopkgtest \
	%D%/bare-debian \
	%D%/cases.sh \
	%D%/contents \
	%D%/program.py \
	%D%/rebuild \
	%D%/reproducible \
	%D%/root.sh \
	%D%/run \
	%D%/sample_cases.py \
	%D%/samples.py \
	%D%/serve
