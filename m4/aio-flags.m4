dnl Compiler flags and --enable-* switches, one short macro each.

dnl AIO_TRY_CFLAG(FLAG, VARIABLE): append FLAG to VARIABLE if the compiler takes it.
AC_DEFUN([AIO_TRY_CFLAG], [
  AS_VAR_PUSHDEF([cache], [aio_cv_cflag_$1])dnl
  AC_CACHE_CHECK([whether $CC accepts $1], [cache], [
    aio_saved=$CFLAGS; CFLAGS="$CFLAGS -Werror $1"
    AC_LINK_IFELSE([AC_LANG_PROGRAM()], [AS_VAR_SET([cache], [yes])],
      [AS_VAR_SET([cache], [no])])
    CFLAGS=$aio_saved])
  AS_VAR_IF([cache], [yes], [$2="$$2 $1"])
  AS_VAR_POPDEF([cache])dnl
])

AC_DEFUN([AIO_WARNINGS], [
  AC_SUBST([AIO_WARN])
  m4_foreach_w([flag], [-Wall -Wextra -Wshadow -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Wundef -Wformat=2 -Wnull-dereference
    -Wduplicated-cond -Wlogical-op -Wpointer-arith -Wwrite-strings
    -Wno-unused-parameter],
    [AIO_TRY_CFLAG(flag, [AIO_WARN])])
])

dnl After AIO_ARG_SANITIZERS and AIO_ARG_GCOV: what these exclude is left out.
AC_DEFUN([AIO_HARDENING], [
  AC_SUBST([AIO_HARDEN])
  AC_SUBST([AIO_HARDEN_LDFLAGS])
  AIO_HARDEN_LDFLAGS='-Wl,-z,relro,-z,now'
  m4_foreach_w([flag], [-fstack-protector-strong -fstack-clash-protection
    -fcf-protection],
    [AIO_TRY_CFLAG(flag, [AIO_HARDEN])])
  AS_IF([test -z "$AIO_SAN$AIO_GCOV"], [
    AIO_HARDEN_LDFLAGS="$AIO_HARDEN_LDFLAGS -Wl,-z,defs"
    dnl Needs optimisation; a level given by the user stays.
    AS_CASE([" $CPPFLAGS $CFLAGS "], [*FORTIFY_SOURCE*], [],
      [*" -O"@<:@123s@:>@*], [
        AIO_TRY_CFLAG([-D_FORTIFY_SOURCE=3], [AIO_HARDEN])])])
])

AC_DEFUN([AIO_ARG_WERROR], [
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror],
    [treat compiler warnings as errors])])
  AS_VAR_IF([enable_werror], [yes], [AIO_WARN="$AIO_WARN -Werror"])
])

AC_DEFUN([AIO_ARG_SANITIZERS], [
  AC_ARG_ENABLE([sanitizers], [AS_HELP_STRING([--enable-sanitizers=LIST],
    [build with -fsanitize=LIST, e.g. address,undefined])])
  AS_CASE([$enable_sanitizers], [''|no], [],
    [yes], [AC_MSG_ERROR([--enable-sanitizers wants a list])],
    [AIO_SAN="-fsanitize=$enable_sanitizers -fno-omit-frame-pointer"
     dnl Undefined behaviour ends a test, as what the others find does.
     AS_CASE([,$enable_sanitizers,], [*,undefined,*],
       [AIO_SAN="$AIO_SAN -fno-sanitize-recover=undefined"])
     aio_saved=$CFLAGS; CFLAGS="$CFLAGS $AIO_SAN"
     AC_MSG_CHECKING([whether $CC links with -fsanitize=$enable_sanitizers])
     AC_LINK_IFELSE([AC_LANG_PROGRAM()], [AC_MSG_RESULT([yes])],
       [AC_MSG_RESULT([no])
        AC_MSG_ERROR([no such sanitizers: $enable_sanitizers])])
     CFLAGS=$aio_saved])
  AM_CONDITIONAL([SANITIZED], [test -n "$AIO_SAN"])
  AC_SUBST([AIO_SAN])
])

AC_DEFUN([AIO_ARG_GCOV], [
  AC_ARG_ENABLE([gcov], [AS_HELP_STRING([--enable-gcov],
    [instrument for coverage])])
  AS_VAR_IF([enable_gcov], [yes], [
    # Threads count, too: counts that get lost may come out below 0.
    AIO_GCOV='--coverage -fprofile-update=atomic -DAIO_COVERAGE'
    dnl CFLAGS come last on the command line: an -O in them would win.
    CFLAGS=`AS_ECHO(["$CFLAGS"]) | sed 's/-O@<:@0-9sgz@:>@*//g'`" -O0"])
  AC_SUBST([AIO_GCOV])
])

AC_DEFUN([AIO_ARG_SLOW_ASSERTS], [
  AC_ARG_ENABLE([slow-asserts], [AS_HELP_STRING([--enable-slow-asserts],
    [walk whole structures in assertions])])
  AS_VAR_IF([enable_slow_asserts], [yes],
    [AC_DEFINE([EV_SLOW_ASSERTS], [1],
      [Define to check whole structures in EV_ASSERT_SLOW.])])
])
