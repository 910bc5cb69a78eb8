/* perl_guestfs.h: what the parts of the extension of Sys::Guestfs share.
 *
 * All calls are one XS function, which finds in XSANY what it is to call. A call that dies, whether in here or in Perl
 * code that a conversion runs, leaves through the savestack, which ends its frame.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef PERL_GUESTFS_H
#define PERL_GUESTFS_H

#define PERL_NO_GET_CONTEXT
#include <EXTERN.h>
#include <perl.h>
#include <XSUB.h>

#include "glue.h"

/* A handle: objects in several interpreters (threads clone them) and the calls in progress hold it. */
struct pg_object {
  struct glue_handle *h;
  unsigned refs;
  int close_on_exit;
  pid_t pid;                    /* whose it is: what a fork leaves in the child is not the child's to close */
};

/* A call in progress. It is not on the C stack: see pg_begin. */
struct pg_frame {
  struct glue_frame f;          /* first: unlocked () goes from here to the whole */
  struct pg_object *object;
  int running;                  /* inside the library */
};

/* What each interpreter has. */
struct pg_context {
  unsigned long id;             /* never used twice, as addresses are */
  int exiting;                  /* a callback called exit: it is put off until the library has returned */
};

/* handle.c */
extern XS (xs_call);
extern XS (xs_attach);
extern XS (xs_close);
extern XS (xs_destroy);
extern XS (xs_last_errno);
/* Begin a call: glue_begin on the handle of SELF, and a scope (ENTER) whose end ends it. Dies when it is closed. */
extern struct pg_frame *pg_begin (pTHX_ SV *self, const char *name, const struct glue_call *call);
/* End it, and exit if a callback wanted that. */
extern void pg_end (pTHX);
/* The library is back: exit if a callback wanted that. */
extern void pg_back (pTHX_ struct pg_frame *p);
/* Die with the error of the call. */
extern void pg_fail (pTHX_ struct pg_frame *p) __attribute__ ((__noreturn__));

/* values.c: values by the shapes of a call to C; the result to the stack, from place AX on; both may die. */
extern void pg_take (pTHX_ struct pg_frame *p, const struct glue_param *param, SV *sv, union glue_value *v);
extern SSize_t pg_push_result (pTHX_ struct pg_frame *p, I32 ax);

/* event.c */
extern void pg_boot_context (pTHX);
extern struct pg_context *pg_context (pTHX);
extern XS (xs_clone);
extern XS (xs_set_event_callback);
extern XS (xs_delete_event_callback);
extern XS (xs_event_to_string);

#endif /* PERL_GUESTFS_H */
