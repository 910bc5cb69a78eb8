/* The binding tests in C: every type of argument, option and result, and every error.
 *
 *   bindtests OUT: the library writes the arguments that it received to OUT, for comparison with
 * ../../c/tests/bindtests.expected; results are checked here. Compiles with upstream's header, too, whose library has
 * no options that are lists, and wants bytes where there are none: with LISTS=0.
 */

#include <guestfs-gobject.h>
#include <string.h>

#ifndef LISTS
#define LISTS 1
#endif

static GuestfsSession *g;
static GError *err;

/* A call has failed with the text "error", printed nothing, and left ERR to be used again. */
#define FAILS(CALL)                                     \
  do {                                                  \
    (void) CALL;                                        \
    g_assert_nonnull (err);                             \
    g_assert_cmpstr (err->message, ==, "error");        \
    g_assert_cmpstr (g_quark_to_string (err->domain), ==, "guestfs"); \
    g_assert_cmpint (err->code, ==, 0);                 \
    g_clear_error (&err);                               \
  } while (0)

static void
test (const char *str, const char *optstr, char **list, gboolean b, gint32 i, gint64 i64, const char *in,
      const char *out, const char *bytes, gsize size, GuestfsInternalTest *o)
{
  gboolean ok = guestfs_session_internal_test (g, str, optstr, list, b, i, i64, in, out, (const guint8 *) bytes, size,
                                               o, NULL, &err);
  g_assert_no_error (err);
  g_assert_true (ok);
  if (o)
    g_object_unref (o);
}

static void
arguments (const char *file)
{
  const gint64 big = G_MAXINT64;
  char *none[] = { NULL };
  char *one[] = { (char *) "1", NULL };
  char *two[] = { (char *) "a b", (char *) "é", NULL };
  GuestfsInternalTest63Optargs *many;
  GuestfsInternalTestOnlyOptargs *only;

  g_assert_true (guestfs_session_internal_test_set_output (g, file, &err));
  test ("abc", "def", none, FALSE, 0, 0, "123", "456", "abc\0abc", 7, NULL);
  test ("abc", NULL, none, FALSE, 0, 0, "123", "456", "abc\0abc", 7, guestfs_internal_test_new ());
  test ("", "", one, TRUE, -1, -1, "", "", LISTS ? NULL : "", 0,
        g_object_new (GUESTFS_TYPE_INTERNAL_TEST, "obool", GUESTFS_TRISTATE_TRUE, NULL));
  test ("x\377y", "def", two, TRUE, G_MAXINT32, big, "i", "o", "\1\177", 2,
        g_object_new (GUESTFS_TYPE_INTERNAL_TEST, "oint", -G_MAXINT32, "oint64", -big, NULL));
  test ("abc", "def", two, FALSE, 5, 6, "i", "o", "z", 1,
        g_object_new (GUESTFS_TYPE_INTERNAL_TEST, "obool", GUESTFS_TRISTATE_FALSE, "ostring", "string",
                      LISTS ? "ostringlist" : NULL, two, NULL));
  test ("abc", "def", none, FALSE, 5, 6, "i", "o", "z", 1,
        g_object_new (GUESTFS_TYPE_INTERNAL_TEST, "ostring", "", LISTS ? "ostringlist" : NULL, none, NULL));
  guestfs_session_internal_test_only_optargs (g, NULL, NULL, &err);
  only = g_object_new (GUESTFS_TYPE_INTERNAL_TEST_ONLY_OPTARGS, "test", 7, NULL);
  guestfs_session_internal_test_only_optargs (g, only, NULL, &err);
  many = g_object_new (GUESTFS_TYPE_INTERNAL_TEST_63_OPTARGS, "opt1", 1, "opt32", 32, "opt63", -63, NULL);
  guestfs_session_internal_test_63_optargs (g, many, NULL, &err);
  g_assert_true (guestfs_session_internal_test_close_output (g, &err));
  g_assert_no_error (err);
  g_object_unref (only);
  g_object_unref (many);
}

static void
is_pv (const GuestfsPV *pv, guint i)
{
  char *name = g_strdup_printf ("pv%u", i), *attr = g_strdup_printf ("attr%u", i), *tag = g_strdup_printf ("tag%u", i);

  g_assert_cmpstr (pv->pv_name, ==, name);
  g_assert_cmpmem (pv->pv_uuid, 32, "12345678901234567890123456789012", 32);
  g_assert_cmpstr (pv->pv_fmt, ==, "unknown");
  g_assert_cmpuint (pv->pv_size + pv->dev_size + pv->pv_free + pv->pv_used, ==, 4 * i);
  g_assert_cmpstr (pv->pv_attr, ==, attr);
  g_assert_cmpint (pv->pv_pe_count + pv->pv_pe_alloc_count, ==, 2 * i);
  g_assert_cmpstr (pv->pv_tags, ==, tag);
  g_assert_cmpuint (pv->pe_start + (guint64) pv->pv_mda_count + pv->pv_mda_free, ==, 3 * i);
  g_free (name);
  g_free (attr);
  g_free (tag);
}

static void
results (void)
{
  char *text, **list;
  GHashTable *table;
  GuestfsPV *pv, **pvs;
  guint8 *bytes;
  gsize size;
  guint i;

  g_assert_cmpint (guestfs_session_internal_test_rint (g, "10", &err), ==, 10);
  g_assert_true (guestfs_session_internal_test_rint64 (g, "9223372036854775807", &err) == G_MAXINT64);
  g_assert_true (guestfs_session_internal_test_rint64 (g, "-9223372036854775807", &err) == -G_MAXINT64);
  g_assert_cmpint (guestfs_session_internal_test_rbool (g, "true", &err), ==, 1);
  g_assert_cmpint (guestfs_session_internal_test_rbool (g, "false", &err), ==, 0);
  g_assert_cmpstr (guestfs_session_internal_test_rconststring (g, "x", &err), ==, "static string");
  g_assert_cmpstr (guestfs_session_internal_test_rconstoptstring (g, "x", &err), ==, "static string");
  text = guestfs_session_internal_test_rstring (g, "\377", &err);
  g_assert_cmpstr (text, ==, "\377");
  g_free (text);
  for (i = 0; i < 4; i++) {
    char *n = g_strdup_printf ("%u", i);

    list = guestfs_session_internal_test_rstringlist (g, n, &err);
    g_assert_cmpuint (g_strv_length (list), ==, i);
    g_strfreev (list);
    table = guestfs_session_internal_test_rhashtable (g, n, &err);
    g_assert_cmpuint (g_hash_table_size (table), ==, i);
    if (i == 3)
      g_assert_cmpstr (g_hash_table_lookup (table, "2"), ==, "2");
    g_hash_table_unref (table);
    pvs = guestfs_session_internal_test_rstructlist (g, n, &err);
    for (size = 0; pvs[size]; size++) {
      is_pv (pvs[size], (guint) size);
      g_boxed_free (guestfs_lvm_pv_get_type (), pvs[size]);
    }
    g_assert_cmpuint (size, ==, i);
    g_free (pvs);
    g_free (n);
  }
  bytes = guestfs_session_internal_test_rbufferout (g, "01234", &size, &err);
  g_assert_cmpmem (bytes, size, "01234", 5);
  g_free (bytes);
  pv = guestfs_session_internal_test_rstruct (g, "x", &err);
  is_pv (pv, 0);
  pvs = (GuestfsPV **) g_boxed_copy (guestfs_lvm_pv_get_type (), pv);
  g_boxed_free (guestfs_lvm_pv_get_type (), pv);
  is_pv ((GuestfsPV *) pvs, 0);
  g_boxed_free (guestfs_lvm_pv_get_type (), pvs);
  g_assert_no_error (err);

  FAILS (guestfs_session_internal_test_rinterr (g, &err));
  FAILS (guestfs_session_internal_test_rint64err (g, &err));
  g_assert_cmpint (guestfs_session_internal_test_rboolerr (g, NULL), ==, -1);
  FAILS (guestfs_session_internal_test_rboolerr (g, &err));
  FAILS (guestfs_session_internal_test_rconststringerr (g, &err));
  g_assert_null (guestfs_session_internal_test_rconstoptstringerr (g, &err));
  FAILS (guestfs_session_internal_test_rstringerr (g, &err));
  FAILS (guestfs_session_internal_test_rstringlisterr (g, &err));
  FAILS (guestfs_session_internal_test_rstructerr (g, &err));
  FAILS (guestfs_session_internal_test_rstructlisterr (g, &err));
  FAILS (guestfs_session_internal_test_rhashtableerr (g, &err));
  FAILS (guestfs_session_internal_test_rbufferouterr (g, &size, &err));
}

int
main (int argc, char *argv[])
{
  g_assert_cmpint (argc, ==, 2);
  g = guestfs_session_new ();
  arguments (argv[1]);
  results ();
  g_assert_true (guestfs_session_close (g, &err));
  g_assert_cmpint (guestfs_session_internal_test_rint (g, "1", &err), ==, -1);
  g_assert_nonnull (strstr (err->message, "attempt to call internal_test_rint after the session has been closed"));
  g_clear_error (&err);
  g_object_unref (g);
  return 0;
}
