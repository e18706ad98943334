# Unit tests; each module's folder appends its own.
include %D%/unit/local.mk
