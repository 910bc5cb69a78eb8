/* Harness of the C test steps: what generated/tests/steps.c calls.
 * In: results of guestfs calls. Out: 0, or -1 after one line on stderr that says what differs. */

#ifndef CONFORMANCE_HARNESS_H
#define CONFORMANCE_HARNESS_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Tests cover calls that programs are not shown, and deprecated ones. */
#define GUESTFS_PRIVATE 1
#define GUESTFS_NO_WARN_DEPRECATED 1
#include <guestfs.h>

/* One test in progress. */
struct run {
  guestfs_h *g;
  const char *name;
  const char *tmp;              /* what %tmp stands for */
  int step;
  int quiet;                    /* compare without reporting */
};

struct test {
  const char *name;
  const char *scenario;
  int (*run) (struct run *);
};

extern const struct test tests[];
extern const size_t nr_tests;

/* A step: number N, a call whose result is R, what is so when it failed, CHECKS that are all 0, and what frees R.
 * Each kind of result has a short form; SUCCEEDS and FAILS are the first of its checks. n is the size of buffers.
 */
#define STEP(N, TYPE, CALL, FAILED, CHECKS, FREE)       \
  do {                                                  \
    size_t n = 0;                                       \
    TYPE r;                                             \
    int failed;                                         \
    t->step = (N);                                      \
    r = CALL;                                           \
    failed = (FAILED);                                  \
    (void) n;                                           \
    (void) failed;                                      \
    if (CHECKS)                                         \
      return -1;                                        \
    FREE;                                               \
  } while (0)
#define INT(N, CALL, CHECKS) STEP (N, int, CALL, r == -1, CHECKS, )
#define INT64(N, CALL, CHECKS) STEP (N, int64_t, CALL, r == -1, CHECKS, )
#define CONST(N, CALL, CHECKS) STEP (N, const char *, CALL, r == NULL, CHECKS, )
#define CONST_OR_NULL(N, CALL, CHECKS) STEP (N, const char *, CALL, ((void) r, 0), CHECKS, )
#define STR(N, CALL, CHECKS) STEP (N, char *, CALL, r == NULL, CHECKS, free (r))
#define BUFFER(N, CALL, CHECKS) STR (N, CALL, CHECKS)
#define LIST(N, CALL, CHECKS) STEP (N, char **, CALL, r == NULL, CHECKS, free_strings (r))
#define STRUCT(N, NAME, CALL, CHECKS) \
  STEP (N, struct guestfs_##NAME *, CALL, r == NULL, CHECKS, guestfs_free_##NAME (r))
#define STRUCTS(N, NAME, CALL, CHECKS) \
  STEP (N, struct guestfs_##NAME##_list *, CALL, r == NULL, CHECKS, guestfs_free_##NAME##_list (r))
#define LOCAL(N, CALL) STEP (N, int, CALL, 0, r == -1, )

#define SUCCEEDS expect_success (t, failed)
#define FAILS(ERRNO) expect_error (t, failed, ERRNO)
/* One element, at least, for which CHECKS are all 0. */
#define ONE(CHECKS)                             \
  ({                                            \
    size_t i;                                   \
    t->quiet = 1;                               \
    for (i = 0; i < r->len; i++)                \
      if (!(CHECKS))                            \
        break;                                  \
    t->quiet = 0;                               \
    expect_found (t, i < r->len);               \
  })

/* Replace %tmp; the result lives until the end of the test. */
extern const char *local_path (struct run *, const char *path);
extern int local_write (struct run *, const char *path, const char *content, size_t len);
extern char *local_read (struct run *, const char *path, size_t *len);

extern int expect_success (struct run *, int failed);
extern int expect_error (struct run *, int failed, const char *errno_name);
extern int expect_int (struct run *, const char *what, int64_t got, int64_t want);
extern int expect_float (struct run *, const char *what, double got, double want);
extern int expect_str (struct run *, const char *what, const char *got, const char *want);
extern int expect_buffer (struct run *, const char *what, const char *got, size_t got_len, const char *want, size_t want_len);
extern int expect_contains (struct run *, const char *got, size_t len, const char *want);
extern int expect_list (struct run *, char **got, char **want, int ordered);
extern int expect_member (struct run *, char **got, const char *want);
extern int expect_key (struct run *, char **got, const char *key, const char *value);
extern int expect_found (struct run *, int found);
extern void free_strings (char **);

#endif
