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

#define CHECK(call) do { if ((call) == -1) return -1; } while (0)

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
