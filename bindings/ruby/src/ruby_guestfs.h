/* ruby_guestfs.h: what the parts of the extension _guestfs share.
 *
 * All calls are one function, which learns from Ruby by what name it was called. Calls of the library run with the GVL
 * released. Exceptions of Ruby never cross them: what a callback raises is kept until the call is over.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef RUBY_GUESTFS_H
#define RUBY_GUESTFS_H

#include "glue.h"

#include <ruby.h>

/* A callback: the object that is called. In a list of its handle, through which the collector sees it. */
struct function {
  VALUE callable;
  struct function *next;
  struct function **link;
};

/* What an object of class Guestfs::Guestfs holds. */
struct object {
  struct glue_handle *handle;   /* NULL before initialize */
  struct function *functions;
};

/* A call from Ruby. On the stack, where the collector finds what it refers to. */
struct call {
  struct glue_frame frame;
  int argc;
  const VALUE *argv;
  VALUE kept;                   /* a string whose bytes the library reads, or false */
};

/* An exception that waits for the end of what cannot be left. */
struct late {
  int state;                    /* rb_protect's, or 0 */
  VALUE error;                  /* what was raised; nil for what is no object of Ruby */
};

/* values.c: values of Ruby to C, and results to Ruby; what does not fit raises. */
extern void ruby_take (struct call *c, const struct glue_param *p, VALUE value, union glue_value *v);
extern void ruby_take_options (struct call *c, VALUE options);
extern VALUE ruby_result (const struct glue_frame *f);

/* class.c */

/* Run BODY (a struct call) within a frame, which is ended also when BODY raises. NAME is for messages. */
extern VALUE ruby_within (VALUE self, const struct glue_call *call, const char *name, int argc, const VALUE *argv,
                          VALUE (*body) (VALUE arg));
/* Raise the library's error. */
__attribute__ ((__noreturn__)) extern void ruby_raise (struct glue_frame *f);
/* Define Guestfs::Error and class Guestfs::Guestfs, which is returned. */
extern VALUE ruby_define_handle (VALUE module);

/* callback.c */

/* What closing raises is kept in LATE (NULL: dropped) from now on. */
extern void ruby_closing (struct late *late);
/* Raise what was kept, if anything. */
extern void ruby_go_on (const struct late *late);
/* 1: the collector closes, 2: Ruby ends; no callbacks. 0: neither. */
extern void ruby_collecting (int now);
extern void ruby_define_events (VALUE module, VALUE class);

#endif /* RUBY_GUESTFS_H */
