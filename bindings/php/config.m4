dnl config.m4: for phpize, and so for PIE and PECL:
dnl   cp -RL bindings/php DIR && cd DIR && phpize && ./configure && make && make install
dnl (the links glue, generated and include/guestfs.h have to become files, as the objects are made beside them).
dnl LDFLAGS=-L... tells where libguestfs.so is, when the linker does not know.

PHP_ARG_ENABLE([guestfs-php],
  [whether to enable the extension guestfs_php],
  [AS_HELP_STRING([--enable-guestfs-php], [Open, inspect and change disk images of virtual machines])],
  [yes])

if test "$PHP_GUESTFS_PHP" != "no"; then
  PHP_CHECK_LIBRARY([guestfs], [guestfs_create_flags], [],
    [AC_MSG_ERROR([libguestfs is not found: install it, or say where it is with LDFLAGS=-L...])])
  PHP_ADD_LIBRARY([guestfs], [1], [GUESTFS_PHP_SHARED_LIBADD])
  PHP_SUBST([GUESTFS_PHP_SHARED_LIBADD])
  PHP_NEW_EXTENSION([guestfs_php],
    [src/call.c src/event.c src/functions.c src/guestfs.c src/handle.c src/values.c \
     glue/event.c glue/handle.c glue/result.c glue/signal.c generated/calls.c],
    [shared],,
    [-std=gnu11 -fvisibility=hidden -pthread -I@ext_srcdir@/include -I@ext_srcdir@/glue -I@ext_srcdir@/src])
fi
