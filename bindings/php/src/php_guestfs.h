/* php_guestfs.h: what the parts of extension guestfs_php for PHP 8 share.
 *
 * A handle is a resource, as programs know it. All calls are one function, which finds by the name of the running
 * function what it is to call. What may leave by a jump (PHP's fatal errors, as of memory) runs inside zend_try, so
 * that the frame of the call is ended and no frame of the library is jumped over.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef PHP_GUESTFS_H
#define PHP_GUESTFS_H

#include "glue.h"

#include <php.h>

#define PREFIX "guestfs_"

struct php_handle {
  struct glue_handle *glue;
  char *error;                  /* of the last failure, when the library did not see the call; or NULL */
  int err;                      /* its errno */
  int failed;                   /* the last call has */
  int dropped;                  /* the resource is gone, but a call of it is in progress */
  int asked;                    /* guestfs_close was called */
};

/* The frame and the handle of the running function. */
struct php_frame {
  struct glue_frame glue;
  struct php_handle *handle;
};

/* Calls and closes that this thread is in: where there are none, events are none of PHP's. */
extern __thread unsigned php_inside;
/* A fatal error has left a callback, and goes on when the call has ended. */
extern __thread int php_fatal;

/* handle.c */
extern void php_handle_startup (int module_number);
/* The open handle in ARG, or NULL with an exception. */
extern struct php_handle *php_handle_at (zval *arg);
/* Run BODY with a frame on H, which is ended however BODY is left. */
typedef void (*php_body) (struct php_frame *f, void *arg, zval *return_value);
extern void php_protected (struct php_handle *h, const struct glue_call *call, php_body body, void *arg,
                           zval *return_value);
/* Fail in the way of a call: what guestfs_last_error and guestfs_last_errno tell next. */
extern void php_refuse (struct php_handle *h, int err, const char *format, ...)
  __attribute__ ((__format__ (__printf__, 3, 4)));
/* The call has failed in the library, or there is no such call in it. */
extern void php_failed (struct php_frame *f);
ZEND_FUNCTION (guestfs_create);
ZEND_FUNCTION (guestfs_close);
ZEND_FUNCTION (guestfs_last_error);
ZEND_FUNCTION (guestfs_last_errno);
ZEND_FUNCTION (guestfs_failed);

/* call.c: every call. */
ZEND_FUNCTION (guestfs_call);

/* values.c: the value ARG of parameter AT of the call; -1 with an exception or php_refuse. And the result. */
extern int php_take (struct php_frame *f, unsigned at, zval *arg, union glue_value *v);
extern void php_result (const struct glue_frame *f, zval *return_value);

/* event.c */
ZEND_FUNCTION (guestfs_set_event_callback);
ZEND_FUNCTION (guestfs_delete_event_callback);
ZEND_FUNCTION (guestfs_event_to_string);

/* functions.c: all functions with what PHP tells of them. */
extern const zend_function_entry *php_functions (void);

#endif /* PHP_GUESTFS_H */
