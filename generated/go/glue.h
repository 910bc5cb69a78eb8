/* glue.h: what every binding of a dynamic language stands on.
 *
 * In: the name of a call and its values. Out: a result that can be walked without knowing the call.
 * A language converts values of eight shapes into union glue_value, items of eight types out of results, and says in
 * `glue_language` how it lets its other threads run. Handles, what a call has borrowed and allocated, closing while
 * calls are in progress, callbacks and signals are kept here. Nothing but the public symbols of libguestfs.so.0 is
 * used, so that a binding also loads on another libguestfs.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef GLUE_H
#define GLUE_H

#include <stddef.h>
#include <stdint.h>

#ifndef GUESTFS_NO_WARN_DEPRECATED
#define GUESTFS_NO_WARN_DEPRECATED 1
#endif
#ifndef GUESTFS_PRIVATE
#define GUESTFS_PRIVATE 1
#endif
#include <guestfs.h>

/* The table of calls: generated. */

enum glue_shape {
  GLUE_BOOL, GLUE_INT, GLUE_INT64, GLUE_STR, GLUE_OPT_STR, GLUE_STR_LIST, GLUE_BUFFER, GLUE_POINTER
};

union glue_value {
  int i;                        /* GLUE_BOOL, GLUE_INT */
  int64_t n;                    /* GLUE_INT64 */
  const char *s;                /* GLUE_STR, GLUE_OPT_STR (NULL is a value) */
  char *const *list;            /* GLUE_STR_LIST */
  struct { const char *bytes; size_t size; } buffer;
  void *pointer;
};

enum glue_kind {
  GLUE_RESULT_NONE, GLUE_RESULT_BOOL, GLUE_RESULT_INT, GLUE_RESULT_INT64, GLUE_RESULT_CONST_STR,
  GLUE_RESULT_CONST_OPT_STR, GLUE_RESULT_STR, GLUE_RESULT_STR_LIST, GLUE_RESULT_STRUCT, GLUE_RESULT_STRUCT_LIST,
  GLUE_RESULT_HASH, GLUE_RESULT_BUFFER
};

/* As the C function returned it. */
struct glue_raw {
  union { int i; int64_t n; const char *text; char *s; char **list; void *record; };
  size_t size;                  /* of a buffer */
};

enum glue_field_type {
  GLUE_FIELD_CHAR, GLUE_FIELD_STR, GLUE_FIELD_BUFFER, GLUE_FIELD_I32, GLUE_FIELD_U32, GLUE_FIELD_I64, GLUE_FIELD_U64,
  GLUE_FIELD_UUID, GLUE_FIELD_PERCENT
};

struct glue_field {
  const char *name;
  enum glue_field_type type;
  size_t offset;
  size_t len_offset;            /* buffers only */
};

struct glue_struct {
  const char *name;
  const char *camel;            /* upstream's capitalised name */
  const struct glue_field *fields;
  size_t nr_fields;
  size_t size;
  void (*free) (void *s);
  void (*free_list) (void *list);
};

struct glue_param {
  const char *name;
  enum glue_shape shape;
  int path;                     /* names a file, directory or device */
};

enum { GLUE_DEPRECATED = 1, GLUE_BLOCKS = 2, GLUE_ANY_TIME = 4 };

struct glue_call {
  const char *name;
  const char *alias;            /* NAME_opts, or NULL */
  const struct glue_param *params;      /* the required ones, then the options in the order of their bits */
  unsigned nr_args;
  unsigned nr_opts;
  enum glue_kind kind;
  const struct glue_struct *structure;  /* what it returns or lists, or NULL */
  unsigned flags;
  const char *instead;          /* of a deprecated call, or NULL */
  void (*entry) (void);         /* NULL when the library that is loaded lacks it */
  void (*run) (guestfs_h *g, const union glue_value *values, uint64_t mask, struct glue_raw *r);
};

/* Sorted by name. */
extern const struct glue_call glue_calls[];
extern const size_t glue_nr_calls;

struct glue_event_class {
  const char *name;             /* "launch_done" */
  const char *upper;            /* "LAUNCH_DONE" */
  uint64_t bit;
};

/* In the order of bits. */
extern const struct glue_event_class glue_events[];
extern const size_t glue_nr_events;

/* The call of this name or alias, or NULL. */
extern const struct glue_call *glue_find (const char *name);

/* Number of the option of this name, or -1. */
extern int glue_option (const struct glue_call *call, const char *name, size_t size);

/* handle.c */

/* An open or closed handle. Its memory is the language's to free (glue_free); members are for glue only, save owner. */
struct glue_handle {
  guestfs_h *g;                 /* NULL once closed */
  void *owner;                  /* the language's object */
  unsigned busy;                /* calls in progress, in any thread */
  int closing;                  /* close when busy drops to 0 */
  int close_on_exit;
  struct glue_callback *callbacks;
  struct glue_handle *next;     /* in the list of open handles */
};

/* A new handle that prints no errors, or NULL. FLAGS are GUESTFS_CREATE_*; closing at exit is the language's to
 * arrange (glue_close_all), because at the exit of the C library there is none to run callbacks in. */
extern struct glue_handle *glue_create (unsigned flags);

/* Close now, or when the calls in progress have ended. Closing twice is nothing. */
extern void glue_close (struct glue_handle *h);

/* Close, and forget the handle itself: for finalizers. No call is in progress on it. */
extern void glue_free (struct glue_handle *h);

/* Close what is open and wants to be closed when the program ends. */
extern void glue_close_all (void);

/* The next handle that it would close, or NULL: for a language whose callbacks could drop the handle meanwhile. */
extern struct glue_handle *glue_to_close (void);

/* Cancel the calls in progress, if any: from any thread, also while the handle waits for them to be closed. */
extern void glue_cancel (struct glue_handle *h);

/* Cancel the calls of all handles, at the end of the program; the number of handles that had one. */
extern unsigned glue_cancel_all (void);

/* False once it is closed, or about to be. */
extern int glue_is_open (const struct glue_handle *h);

/* A call in progress. */

#define GLUE_MAX_VALUES 72      /* 9 arguments and 63 options */

struct glue_frame {
  struct glue_handle *handle;
  guestfs_h *g;
  const struct glue_call *call; /* or NULL for what is no call */
  union glue_value values[GLUE_MAX_VALUES];
  uint64_t mask;                /* options that are given */
  struct glue_raw result;
  int has_result;
  struct glue_block *blocks;
  /* signal.c */
  int watched;
  volatile int interrupted;     /* SIGINT has cancelled the call */
  struct glue_frame *outer;
};

/* Begin; glue_end is due. -1 when the handle is closed, and then it is not. */
extern int glue_begin (struct glue_frame *f, struct glue_handle *h, const struct glue_call *call);

/* Memory until glue_end, or NULL when there is none. */
extern void *glue_room (struct glue_frame *f, size_t size);

/* A copy with a NUL behind it; NULL when there is no memory. */
extern char *glue_copy (struct glue_frame *f, const char *bytes, size_t size);

/* An option is given: its value is to be put where this points to. */
extern union glue_value *glue_give (struct glue_frame *f, unsigned option);

/* Call. 0, or -1 when the call failed: glue_error and glue_errno say why. */
extern int glue_run (struct glue_frame *f);

extern const char *glue_error (struct glue_frame *f);
extern int glue_errno (struct glue_frame *f);

/* Free what the call has used and its result; close a handle that was waiting for it. */
extern void glue_end (struct glue_frame *f);

/* result.c: what a call returned. */

enum glue_item_type {
  GLUE_ABSENT,                  /* NULL, or a percentage that is not there */
  GLUE_TRUTH, GLUE_NUMBER, GLUE_UNSIGNED, GLUE_FLOAT, GLUE_CHAR, GLUE_TEXT, GLUE_BYTES
};

struct glue_item {
  enum glue_item_type type;
  int wide;                     /* of numbers: 64 bits */
  int64_t n;                    /* GLUE_TRUTH, GLUE_NUMBER; GLUE_CHAR as unsigned char */
  uint64_t u;                   /* GLUE_UNSIGNED */
  double number;                /* GLUE_FLOAT */
  const char *bytes;            /* GLUE_TEXT, GLUE_BYTES; GLUE_CHAR as text of one byte */
  size_t size;
};

enum glue_form {
  GLUE_NOTHING, GLUE_ONE, GLUE_LIST, GLUE_PAIRS, GLUE_RECORD, GLUE_RECORDS
};

/* The form of a result, the number of its items, pairs or records, and each of them. */
extern enum glue_form glue_form (const struct glue_call *call);
extern size_t glue_count (const struct glue_frame *f);
extern struct glue_item glue_one (const struct glue_frame *f);
extern struct glue_item glue_at (const struct glue_frame *f, size_t i);
extern void glue_pair (const struct glue_frame *f, size_t i, struct glue_item *key, struct glue_item *value);
/* Record I (0 of a single one), for glue_field. */
extern const void *glue_record (const struct glue_frame *f, size_t i);
extern struct glue_item glue_field (const struct glue_field *field, const void *record);

/* event.c */

struct glue_event {
  struct glue_handle *handle;
  uint64_t event;
  int id;
  int flags;
  const char *text;             /* or NULL */
  size_t size;
  const uint64_t *array;
  size_t array_len;
  guestfs_h *g;                 /* for guestfs_user_cancel, also while the handle is being closed */
};

/* Have FUNCTION, the language's, called for events; an id, or -1 with the frame's error. FUNCTION is forgotten
 * (glue_language.forget) when the callback is deleted and no thread is in it, or the handle is closed. */
extern int glue_set_event_callback (struct glue_frame *f, uint64_t events, void *function);

/* Unknown ids are ignored. */
extern void glue_delete_event_callback (struct glue_frame *f, int id);

/* The bit of a class by its name, in any case, or 0. */
extern uint64_t glue_event_bit (const char *name);

/* signal.c: a program with a handler for SIGINT sees the call that runs cancelled by it. Between the two, in the main
 * thread alone; MAY says whether the language wants it. */
extern void glue_watch (struct glue_frame *f, int may);
extern void glue_unwatch (struct glue_frame *f);

/* What each language defines. */
struct glue_language {
  /* Call FN (ARG) while the language's other threads run. F is the call that waits, or NULL while closing. */
  void (*unlocked) (struct glue_frame *f, void (*fn) (void *arg), void *arg);
  /* Call a callback: in any thread, with the lock released; exceptions end here. */
  void (*event) (void *function, const struct glue_event *e);
  /* Drop the reference to a callback. The lock is held. */
  void (*forget) (void *function);
};

extern const struct glue_language glue_language;

/* For glue itself. */
extern void glue_sweep_callbacks (struct glue_handle *h, int all);

#endif /* GLUE_H */
