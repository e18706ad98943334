/* What tells a library of ours from libevent's by its bytes alone, wherever it
 * is installed: in every one of the five. tools/ours.c looks for it, and so
 * does what(1). */
static const char mark[] __attribute__((used)) =
    "@(#)libevent-aio " PACKAGE_VERSION;
