/* The binding-test calls through C: every type of argument, option and result, and every error value.
 *
 * bindtests OUT: the library writes the arguments it received to OUT, for comparison with
 * bindtests.expected; results are checked here. Runs as well on Debian's libguestfs.so.0.
 */

#define GUESTFS_PRIVATE 1
#include <guestfs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(EXPR)                                                     \
  do {                                                                  \
    if (!(EXPR)) {                                                      \
      fprintf (stderr, "%s:%d: not true: %s (last error: %s)\n",        \
               __FILE__, __LINE__, #EXPR, guestfs_last_error (g) ? guestfs_last_error (g) : "none"); \
      exit (1);                                                         \
    }                                                                   \
  } while (0)

static void
arguments (guestfs_h *g)
{
  char *none[] = { NULL };
  char *one[] = { (char *) "1", NULL };
  char *two[] = { (char *) "a b", (char *) "\303\251", NULL };

  CHECK (guestfs_internal_test (g, "abc", "def", none, 0, 0, 0, "123", "456", "abc\0abc", 7, -1) == 0);
  CHECK (guestfs_internal_test (g, "abc", NULL, none, 0, 0, 0, "123", "456", "abc\0abc", 7, -1) == 0);
  CHECK (guestfs_internal_test (g, "", "", one, 1, -1, -1, "", "", "", 0,
                                GUESTFS_INTERNAL_TEST_OBOOL, 1, -1) == 0);
  CHECK (guestfs_internal_test (g, "x\377y", "def", two, 1, 2147483647, INT64_C (9223372036854775807), "i", "o",
                                "\001\177", 2, GUESTFS_INTERNAL_TEST_OINT, -2147483647,
                                GUESTFS_INTERNAL_TEST_OINT64, INT64_C (-9223372036854775807), -1) == 0);
  CHECK (guestfs_internal_test (g, "abc", "def", two, 0, 5, 6, "i", "o", "z", 1,
                                GUESTFS_INTERNAL_TEST_OSTRINGLIST, two,
                                GUESTFS_INTERNAL_TEST_OSTRING, "string",
                                GUESTFS_INTERNAL_TEST_OBOOL, 0, -1) == 0);
  CHECK (guestfs_internal_test (g, "abc", "def", none, 0, 5, 6, "i", "o", "z", 1,
                                GUESTFS_INTERNAL_TEST_OSTRINGLIST, none,
                                GUESTFS_INTERNAL_TEST_OSTRING, "", -1) == 0);
  CHECK (guestfs_internal_test_only_optargs (g, -1) == 0);
  CHECK (guestfs_internal_test_only_optargs (g, GUESTFS_INTERNAL_TEST_ONLY_OPTARGS_TEST, 7, -1) == 0);
  CHECK (guestfs_internal_test_63_optargs (g, GUESTFS_INTERNAL_TEST_63_OPTARGS_OPT1, 1,
                                           GUESTFS_INTERNAL_TEST_63_OPTARGS_OPT32, 32,
                                           GUESTFS_INTERNAL_TEST_63_OPTARGS_OPT63, -63, -1) == 0);
}

static void
wrong_options (guestfs_h *g)
{
  struct guestfs_internal_test_only_optargs_argv argv;

  CHECK (guestfs_internal_test_only_optargs (g, 5, 1, -1) == -1);
  CHECK (strstr (guestfs_last_error (g), "internal_test_only_optargs") != NULL);
  CHECK (guestfs_internal_test_only_optargs (g, 0, 1, 0, 1, -1) == -1);
  argv.bitmask = UINT64_C (1) << 63;
  CHECK (guestfs_internal_test_only_optargs_argv (g, &argv) == -1);
  argv.bitmask = 2;
  CHECK (guestfs_internal_test_only_optargs_argv (g, &argv) == -1);
  CHECK (guestfs_internal_test (g, NULL, "", NULL, 0, 0, 0, "", "", "", 0, -1) == -1);
  CHECK (strstr (guestfs_last_error (g), "internal_test: str: ") != NULL);
  CHECK (guestfs_internal_test (g, "", "", NULL, 0, 0, 0, "", "", "", 0, -1) == -1);
  CHECK (strstr (guestfs_last_error (g), "internal_test: strlist: ") != NULL);
  CHECK (guestfs_internal_test (g, "", "", (char *[]) { NULL }, 0, 0, 0, "", "", NULL, 0, -1) == -1);
  CHECK (strstr (guestfs_last_error (g), "internal_test: bufferin: ") != NULL);
  CHECK (guestfs_internal_test (g, "", "", (char *[]) { NULL }, 0, 0, 0, "", "", "", 0,
                                GUESTFS_INTERNAL_TEST_OSTRING, NULL, -1) == -1);
  CHECK (strstr (guestfs_last_error (g), "internal_test: ostring: ") != NULL);
}

static void
free_strings (char **list)
{
  char **p;

  for (p = list; *p; p++)
    free (*p);
  free (list);
}

static void
results (guestfs_h *g)
{
  char *s, **list;
  size_t size = 99;
  struct guestfs_lvm_pv *pv;
  struct guestfs_lvm_pv_list *pvs;

  CHECK (guestfs_internal_test_rint (g, "10") == 10);
  CHECK (guestfs_internal_test_rint64 (g, "10") == 10);
  CHECK (guestfs_internal_test_rbool (g, "true") == 1);
  CHECK (guestfs_internal_test_rbool (g, "false") == 0);
  CHECK (strcmp (guestfs_internal_test_rconststring (g, "x"), "static string") == 0);
  CHECK (strcmp (guestfs_internal_test_rconstoptstring (g, "x"), "static string") == 0);
  CHECK ((s = guestfs_internal_test_rstring (g, "string")) != NULL && strcmp (s, "string") == 0);
  free (s);
  CHECK ((list = guestfs_internal_test_rstringlist (g, "0")) != NULL && list[0] == NULL);
  free_strings (list);
  CHECK ((list = guestfs_internal_test_rstringlist (g, "5")) != NULL);
  CHECK (strcmp (list[0], "0") == 0 && strcmp (list[4], "4") == 0 && list[5] == NULL);
  free_strings (list);
  CHECK ((list = guestfs_internal_test_rhashtable (g, "2")) != NULL);
  CHECK (strcmp (list[2], "1") == 0 && strcmp (list[3], "1") == 0 && list[4] == NULL);
  free_strings (list);
  CHECK ((s = guestfs_internal_test_rbufferout (g, "01234", &size)) != NULL);
  CHECK (size == 5 && memcmp (s, "01234", 5) == 0);
  free (s);
  CHECK ((s = guestfs_internal_test_rbufferout (g, "", &size)) != NULL && size == 0);
  free (s);
  CHECK ((pv = guestfs_internal_test_rstruct (g, "unused")) != NULL);
  CHECK (strcmp (pv->pv_name, "pv0") == 0 && memcmp (pv->pv_uuid, "12345678901234567890123456789012", 32) == 0);
  guestfs_free_lvm_pv (pv);
  CHECK ((pvs = guestfs_internal_test_rstructlist (g, "5")) != NULL && pvs->len == 5);
  CHECK (strcmp (pvs->val[4].pv_name, "pv4") == 0 && pvs->val[4].pv_mda_free == 4);
  guestfs_free_lvm_pv_list (pvs);
  CHECK ((pvs = guestfs_internal_test_rstructlist (g, "0")) != NULL && pvs->len == 0);
  guestfs_free_lvm_pv_list (pvs);
}

static void
errors (guestfs_h *g)
{
  size_t size;

  CHECK (guestfs_internal_test_rinterr (g) == -1);
  CHECK (strcmp (guestfs_last_error (g), "error") == 0);
  CHECK (guestfs_internal_test_rint64err (g) == -1);
  CHECK (guestfs_internal_test_rboolerr (g) == -1);
  CHECK (guestfs_internal_test_rconststringerr (g) == NULL);
  CHECK (guestfs_internal_test_rconstoptstringerr (g) == NULL);
  CHECK (guestfs_internal_test_rstringerr (g) == NULL);
  CHECK (guestfs_internal_test_rstringlisterr (g) == NULL);
  CHECK (guestfs_internal_test_rhashtableerr (g) == NULL);
  CHECK (guestfs_internal_test_rbufferouterr (g, &size) == NULL);
  CHECK (guestfs_internal_test_rstructerr (g) == NULL);
  CHECK (guestfs_internal_test_rstructlisterr (g) == NULL);
}

int
main (int argc, char **argv)
{
  guestfs_h *g = guestfs_create ();

  if (g == NULL || argc != 2)
    return 2;
  guestfs_set_error_handler (g, NULL, NULL);
  CHECK (guestfs_internal_test_set_output (g, argv[1]) == 0);
  arguments (g);
  CHECK (guestfs_internal_test_close_output (g) == 0);
  wrong_options (g);
  results (g);
  errors (g);
  guestfs_close (g);
  puts ("ok");
  return 0;
}
