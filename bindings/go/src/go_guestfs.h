/* go_guestfs.h: what Go sees of C: one function for all calls, and a few for handles and callbacks.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef GO_GUESTFS_H
#define GO_GUESTFS_H

#include "glue.h"

/* A result as Go reads it: COUNT records or items; a number for each value, which of texts is their size (-1: there is
 * none); and the texts, one behind the other. Of an error BYTES is the message. */
struct go_reply {
  int failed;
  int errnum;
  size_t count;
  int64_t *numbers;
  size_t nr_numbers;
  char *bytes;
  size_t size;
};

/* A handle whose events name OWNER, or NULL with errno. */
extern struct glue_handle *go_create (unsigned flags, uintptr_t owner);

/* Call number INDEX. A value is a number, or the offset of its text in BYTES (-1: NULL) and its size, or the number of
 * texts of a list that begins there. Nothing of it is kept. */
extern struct go_reply go_call (struct glue_handle *h, int index, const int64_t *numbers, const int64_t *sizes,
                                const char *bytes, uint64_t mask);

/* False when the handle was closed before. */
extern int go_close (struct glue_handle *h);

/* The id of the callback is the reply's count. */
extern struct go_reply go_set_event_callback (struct glue_handle *h, uint64_t events, uintptr_t function);
extern int go_delete_event_callback (struct glue_handle *h, int id);

extern void go_free (struct go_reply r);

#endif /* GO_GUESTFS_H */
