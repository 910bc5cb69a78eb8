/* gfs_ml.h: what the generated stubs stand on.
 *
 * In: OCaml arguments of one call. Out: C arguments for guestfs.h, and OCaml results.
 * Arguments are copied, because OCaml's garbage collector moves its strings while the runtime is released.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef GFS_ML_H
#define GFS_ML_H

#include <stddef.h>
#include <stdint.h>

#define GUESTFS_NO_WARN_DEPRECATED 1
#define GUESTFS_PRIVATE 1
#include <guestfs.h>

#define CAML_NAME_SPACE
#include <caml/alloc.h>
#include <caml/callback.h>
#include <caml/custom.h>
#include <caml/fail.h>
#include <caml/memory.h>
#include <caml/mlvalues.h>
#include <caml/signals.h>

/* What a value of type Guestfs.t points to. All members are guarded by the runtime lock. */
struct gfs_ml_handle {
  guestfs_h *g;                 /* NULL once closed */
  unsigned busy;                /* calls in progress, in any thread */
  int closing;                  /* close when busy drops to 0 */
  int close_on_exit;
  struct gfs_ml_callback *callbacks;
  struct gfs_ml_handle *next;   /* in the list of open handles */
};

/* A call in progress. */
struct gfs_ml_call {
  struct gfs_ml_handle *handle;
  guestfs_h *g;
  const char *name;
  struct gfs_ml_block *blocks;  /* copies of arguments */
};

/* Call STATEMENT with the runtime released: any call can wait for another thread that wants the runtime
 * in a callback. Pending signals wait until the result is OCaml's, because their handlers may raise. */
#define GFS_ML_UNLOCKED(STATEMENT)                      \
  do {                                                  \
    caml_enter_blocking_section_no_pending ();          \
    STATEMENT;                                          \
    caml_leave_blocking_section ();                     \
  } while (0)

/* handle.c */
extern void gfs_ml_begin (struct gfs_ml_call *c, value v, const char *name);
extern void gfs_ml_end (struct gfs_ml_call *c);
extern void gfs_ml_raise (struct gfs_ml_call *c) __attribute__((__noreturn__));
extern struct gfs_ml_handle *gfs_ml_handle_of (value v, const char *name);

/* convert.c: arguments */
extern int gfs_ml_int (struct gfs_ml_call *c, value v);
extern const char *gfs_ml_str (struct gfs_ml_call *c, value v);
extern const char *gfs_ml_opt_str (struct gfs_ml_call *c, value v);
extern char *const *gfs_ml_list (struct gfs_ml_call *c, value v);
extern const char *gfs_ml_buffer (struct gfs_ml_call *c, value v, size_t *size);
extern void gfs_ml_free_blocks (struct gfs_ml_call *c);

/* convert.c: results; strings and arrays are freed */
enum gfs_ml_type {
  GFS_END, GFS_CHAR, GFS_STR, GFS_BUFFER, GFS_I32, GFS_U32, GFS_I64, GFS_U64, GFS_UUID, GFS_PERCENT
};

struct gfs_ml_field {
  enum gfs_ml_type type;        /* GFS_END ends the table */
  size_t offset;
  size_t len_offset;            /* buffers only */
};

extern value gfs_ml_from_opt_str (const char *s);
extern value gfs_ml_from_str (char *s);
extern value gfs_ml_from_list (char **list);
extern value gfs_ml_from_hash (char **pairs);
extern value gfs_ml_from_buffer (char *bytes, size_t size);
extern value gfs_ml_from_struct (const struct gfs_ml_field *fields, const void *s);
extern value gfs_ml_from_structs (const struct gfs_ml_field *fields, size_t size, const void *val, uint32_t len);

/* events.c */
extern void gfs_ml_free_callbacks (struct gfs_ml_callback *list);
extern void gfs_ml_delete_callbacks (struct gfs_ml_handle *h);

/* Generated: the classes in the order of the constructors of type Guestfs.event. */
extern const uint64_t gfs_ml_events[];
extern const size_t gfs_ml_nr_events;
extern const int gfs_ml_errnos[];
extern const size_t gfs_ml_nr_errnos;

#endif /* GFS_ML_H */
