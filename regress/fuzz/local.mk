# Byte parsers under a fuzzer; each file says how it is built and run.
EXTRA_DIST += %D%/fuzz_dns.c %D%/fuzz_tag.c
