/* csharp.h: what the parts of libguestfs_csharp.so share.
 *
 * Class Native has the other side.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef CSHARP_H
#define CSHARP_H

#include "glue.h"

#define EXPORT __attribute__ ((__visibility__ ("default")))

/* Value.Tag of Arguments.cs. */
enum tag { ABSENT, NUMBER, WIDE, TEXT, TEXTS, BYTES, POINTER };

struct value {
  int64_t tag;
  int64_t n;                    /* the number, or where the bytes are */
  int64_t size;                 /* of bytes, or how many texts follow each other there */
};

enum status { DONE, FAILED, CLOSED, NO_MEMORY, NULL_ARGUMENT, MISMATCH };

struct answer {
  int32_t status;
  int32_t code;                 /* errno */
  int64_t number;
  char *bytes;                  /* the result, or the message; NULL is absent */
  int64_t size;
};

/* call.c: the call has failed, and this is why. */
extern enum status csharp_failed (struct glue_frame *f, struct answer *a);

#endif /* CSHARP_H */
