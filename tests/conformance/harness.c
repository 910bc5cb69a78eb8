/* Harness of the C test steps: runs every test of steps.c on one handle a scenario.
 * In: an optional test name to run alone. Out: a line per failure, a summary, exit status. */

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define MIB (INT64_C (1) << 20)
#define MAX_PATHS 64
/* Seconds. A test that takes longer hangs: its call is cancelled, which fails the test and names the call. */
#define LIMIT 120

static char *paths[MAX_PATHS];
static size_t nr_paths;
static guestfs_h *running;

static int
fail (struct run *t, const char *format, ...)
{
  va_list args;

  if (t->quiet)
    return -1;
  fprintf (stderr, "%s, step %d: ", t->name, t->step);
  va_start (args, format);
  vfprintf (stderr, format, args);
  va_end (args);
  fputc ('\n', stderr);
  return -1;
}

const char *
local_path (struct run *t, const char *path)
{
  const char *p = strstr (path, "%tmp");
  char *r;

  if (p == NULL || nr_paths == MAX_PATHS
      || asprintf (&r, "%.*s%s%s", (int) (p - path), path, t->tmp, p + 4) == -1)
    abort ();
  paths[nr_paths++] = r;
  return r;
}

int
local_write (struct run *t, const char *path, const char *content, size_t len)
{
  FILE *f = fopen (path, "w");

  if (f == NULL || fwrite (content, 1, len, f) != len || fclose (f) == EOF)
    return fail (t, "%s: %s", path, strerror (errno));
  return 0;
}

char *
local_read (struct run *t, const char *path, size_t *len)
{
  FILE *f = fopen (path, "r");
  char *buf = NULL;

  *len = 0;
  if (f == NULL) {
    fail (t, "%s: %s", path, strerror (errno));
    return NULL;
  }
  if (getdelim (&buf, &(size_t) { 0 }, EOF, f) != -1)
    *len = (size_t) ftell (f);
  fclose (f);
  return buf;
}

int
expect_success (struct run *t, int failed)
{
  return failed ? fail (t, "unexpected error: %s", guestfs_last_error (t->g)) : 0;
}

int
expect_error (struct run *t, int failed, const char *errno_name)
{
  const int number = guestfs_last_errno (t->g);
  /* ENOTSUP has two names; api.toml uses this one. */
  const char *got = number == ENOTSUP ? "ENOTSUP" : strerrorname_np (number);

  if (!failed)
    return fail (t, "succeeded, but must fail%s%s", errno_name ? " with " : "", errno_name ? errno_name : "");
  if (errno_name && (got == NULL || strcmp (got, errno_name) != 0))
    return fail (t, "failed with %s (%s), not %s", got ? got : "no errno", guestfs_last_error (t->g), errno_name);
  return 0;
}

int
expect_int (struct run *t, const char *what, int64_t got, int64_t want)
{
  return got == want ? 0 : fail (t, "%s is %" PRIi64 ", not %" PRIi64, what, got, want);
}

int
expect_float (struct run *t, const char *what, double got, double want)
{
  return got - want < 0.01 && want - got < 0.01 ? 0 : fail (t, "%s is %f, not %f", what, got, want);
}

int
expect_str (struct run *t, const char *what, const char *got, const char *want)
{
  if (got == NULL)
    return fail (t, "%s is NULL, not \"%s\"", what, want);
  return expect_buffer (t, what, got, strlen (got), want, strlen (want));
}

int
expect_buffer (struct run *t, const char *what, const char *got, size_t got_len, const char *want, size_t want_len)
{
  if (got == NULL)
    return -1;
  /* want_len is of the literal before %tmp was replaced, so strings are measured again. */
  if (strstr (want, t->tmp))
    want_len = strlen (want);
  if (got_len == want_len && memcmp (got, want, got_len) == 0)
    return 0;
  return fail (t, "%s is \"%.*s\" (%zu bytes), not \"%s\" (%zu bytes)", what, (int) got_len, got, got_len, want, want_len);
}

int
expect_contains (struct run *t, const char *got, size_t len, const char *want)
{
  if (memmem (got, len, want, strlen (want)))
    return 0;
  return fail (t, "\"%.*s\" does not contain \"%s\"", (int) len, got, want);
}

static size_t
count (char **list)
{
  size_t n = 0;

  while (list[n] != NULL)
    n++;
  return n;
}

static int
compare_strings (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

int
expect_list (struct run *t, char **got, char **want, int ordered)
{
  size_t i, n = count (got);

  if (!ordered) {
    qsort (got, n, sizeof *got, compare_strings);
    qsort (want, count (want), sizeof *want, compare_strings);
  }
  for (i = 0; i < n && want[i]; i++)
    if (strcmp (got[i], want[i]) != 0)
      return fail (t, "element %zu is \"%s\", not \"%s\"", i, got[i], want[i]);
  if (i < n || want[i])
    return fail (t, "%zu elements, not %zu (next: \"%s\")", n, count (want), i < n ? got[i] : want[i]);
  return 0;
}

int
expect_member (struct run *t, char **got, const char *want)
{
  for (; *got; got++)
    if (strcmp (*got, want) == 0)
      return 0;
  return fail (t, "the list has no \"%s\"", want);
}

int
expect_key (struct run *t, char **got, const char *key, const char *value)
{
  for (; got[0] && got[1]; got += 2)
    if (strcmp (got[0], key) == 0)
      return expect_str (t, key, got[1], value);
  return fail (t, "there is no key \"%s\"", key);
}

int
expect_found (struct run *t, int found)
{
  return found ? 0 : fail (t, "no element is as expected");
}

void
free_strings (char **list)
{
  size_t i;

  if (list == NULL)
    return;
  for (i = 0; list[i]; i++)
    free (list[i]);
  free (list);
}

/* Overwrite what identifies a disk: labels, superblocks and LVM headers at both ends. */
static int
wipe (guestfs_h *g, const char *device, int both_ends)
{
  static char zeros[MIB];
  int64_t size = guestfs_blockdev_getsize64 (g, device);

  if (size == -1)
    return -1;
  if (guestfs_pwrite_device (g, device, zeros, size < MIB ? (size_t) size : MIB, 0) == -1)
    return -1;
  return both_ends && size > MIB ? guestfs_pwrite_device (g, device, zeros, MIB, size - MIB) : 0;
}

static int
reset_disks (guestfs_h *g)
{
  static const char *const disks[] = { "/dev/sda", "/dev/sdb" };
  char **parts;
  int had_parts[2] = { 0, 0 };
  size_t i, d;

  if (guestfs_umount_all (g) == -1 || guestfs_vg_activate_all (g, 0) == -1)
    return -1;
  parts = guestfs_list_partitions (g);
  if (parts == NULL)
    return -1;
  for (i = 0; parts[i]; i++) {
    if (wipe (g, parts[i], 0) == -1)
      return -1;
    for (d = 0; d < 2; d++)
      if (strncmp (parts[i], disks[d], strlen (disks[d])) == 0)
        had_parts[d] = 1;
  }
  free_strings (parts);
  for (d = 0; d < 2; d++) {
    /* Writing an empty table makes the kernel forget the old partitions. */
    if ((had_parts[d] && guestfs_part_init (g, disks[d], "mbr") == -1) || wipe (g, disks[d], 1) == -1)
      return -1;
  }
  return 0;
}

static int
reset_scratch_fs (guestfs_h *g)
{
  char **names, *path;
  size_t i;

  if (guestfs_umount_all (g) == -1 || guestfs_mount (g, "/dev/sdc", "/") == -1 || guestfs_umask (g, 022) == -1)
    return -1;
  names = guestfs_ls (g, "/");
  if (names == NULL)
    return -1;
  for (i = 0; names[i]; i++) {
    if (strcmp (names[i], "lost+found") == 0)
      continue;
    if (asprintf (&path, "/%s", names[i]) == -1 || guestfs_rm_rf (g, path) == -1)
      return -1;
    free (path);
  }
  free_strings (names);
  return 0;
}

static guestfs_h *
open_scenario (const char *scenario)
{
  guestfs_h *g = guestfs_create ();

  if (g == NULL)
    return NULL;
  if (strcmp (scenario, "none") == 0)
    return g;
  const int scratch_fs = strcmp (scenario, "scratch-fs") == 0;
  if (guestfs_add_drive_scratch (g, 1024 * MIB, -1) == -1 || guestfs_add_drive_scratch (g, 256 * MIB, -1) == -1
      || (scratch_fs && guestfs_add_drive_scratch (g, 256 * MIB, -1) == -1) || guestfs_launch (g) == -1
      || (scratch_fs && guestfs_mkfs (g, "ext4", "/dev/sdc") == -1))
    return NULL;
  guestfs_set_error_handler (g, NULL, NULL);
  return g;
}

static double
now (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static void
cancel (int signal)
{
  (void) signal;
  guestfs_user_cancel (running);
  /* Between two calls it is not heard. */
  alarm (1);
}

static int
run_test (guestfs_h *g, const struct test *test)
{
  char tmp[] = "/tmp/guestfs-steps-XXXXXX", *rm;
  struct run t = { .g = g, .name = test->name, .tmp = mkdtemp (tmp), .step = -1 };
  int r = 0;

  if (t.tmp == NULL)
    return fail (&t, "mkdtemp: %s", strerror (errno));
  running = g;
  alarm (LIMIT);
  if (strcmp (test->scenario, "disks") == 0)
    r = reset_disks (g);
  else if (strcmp (test->scenario, "scratch-fs") == 0)
    r = reset_scratch_fs (g);
  if (r == -1)
    fail (&t, "cannot prepare the scenario: %s", guestfs_last_error (g));
  else
    r = test->run (&t);
  alarm (0);
  while (nr_paths > 0)
    free (paths[--nr_paths]);
  if (asprintf (&rm, "rm -rf -- '%s'", t.tmp) == -1 || system (rm) != 0)
    r = -1;
  free (rm);
  return r;
}

int
main (int argc, char **argv)
{
  static const char *const scenarios[] = { "none", "disks", "scratch-fs" };
  size_t s, i, passed = 0, failed = 0, seen = 0;

  signal (SIGALRM, cancel);
  for (s = 0; s < 3; s++) {
    const double start = now ();
    size_t here = 0;
    guestfs_h *g = NULL;

    for (i = 0; i < nr_tests; i++) {
      if (strcmp (tests[i].scenario, scenarios[s]) != 0 || (argc > 1 && strncmp (tests[i].name, argv[1], strlen (argv[1])) != 0))
        continue;
      /* Tests of a handle that is not launched change its properties: each gets a new one. What a failed test left
       * behind is not the next one's to meet. */
      if (g && (s == 0 || failed > seen)) {
        guestfs_close (g);
        g = NULL;
        seen = failed;
      }
      if (g == NULL) {
        g = open_scenario (scenarios[s]);
        if (g == NULL)
          return EXIT_FAILURE;
        guestfs_set_error_handler (g, NULL, NULL);
      }
      here++;
      if (run_test (g, &tests[i]) == -1)
        failed++;
      else
        passed++;
    }
    if (g)
      guestfs_close (g);
    printf ("C steps, scenario %s: %zu tests in %.1f s\n", scenarios[s], here, now () - start);
  }
  printf ("%zu passed, %zu failed\n", passed, failed);
  return failed == 0 && passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
