/* What programs may read of what they are given: texts of events up to the NUL, every byte of a struct. Run under
 * valgrind, which complains where the value of a byte that was never written matters.
 */

#define GUESTFS_NO_WARN_DEPRECATED 1
#define GUESTFS_PRIVATE 1
#include <guestfs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static int texts;

static void
on_event (guestfs_h *g, void *opaque, uint64_t event, int handle, int flags, const char *buf, size_t len,
          const uint64_t *array, size_t array_len)
{
  (void) g, (void) opaque, (void) event, (void) handle, (void) flags, (void) array, (void) array_len;
  if (buf != NULL) {
    CHECK (len > 0 && strlen (buf) == len);
    texts++;
  }
}

static void
on_message (guestfs_h *g, void *opaque, char *buf, int len)
{
  (void) g, (void) opaque;
  CHECK (strlen (buf) == (size_t) len);
  texts++;
}

/* Every byte, members and what is between them. */
static void
whole (const void *block, size_t size)
{
  const unsigned char *p = block;
  unsigned zeros = 0;
  size_t i;

  for (i = 0; i < size; i++)
    if (p[i] == 0)
      zeros++;
  CHECK (zeros < size);
}

int
main (void)
{
  guestfs_h *g = guestfs_create ();
  struct guestfs_lvm_pv *pv;
  struct guestfs_lvm_pv_list *list, *copies;
  struct guestfs_lvm_lv lv, *lv_copy;
  struct guestfs_application app, *app_copy;
  char *line;
  int i;

  CHECK (g != NULL);
  guestfs_set_event_callback (g, on_event, GUESTFS_EVENT_ALL, 0, NULL);
  guestfs_set_log_message_callback (g, on_message, NULL);
  guestfs_set_trace (g, 1);
  for (i = 1; i < 100; i++) {
    /* Of every length, so that some fill what was reserved for them to the last byte. */
    line = malloc (i + 1);
    memset (line, 'x', i);
    line[i] = '\0';
    guestfs_set_identifier (g, line);
    free (line);
  }
  CHECK (texts >= 200);
  guestfs_set_trace (g, 0);

  pv = guestfs_internal_test_rstruct (g, "");
  CHECK (pv != NULL);
  whole (pv, sizeof *pv);
  list = guestfs_internal_test_rstructlist (g, "3");
  CHECK (list != NULL && list->len == 3);
  whole (list, sizeof *list);
  whole (list->val, 3 * sizeof *list->val);
  copies = guestfs_copy_lvm_pv_list (list);
  CHECK (copies != NULL && copies->len == 3);
  whole (copies, sizeof *copies);
  whole (copies->val, 3 * sizeof *copies->val);
  guestfs_free_lvm_pv (pv);
  guestfs_free_lvm_pv_list (list);
  guestfs_free_lvm_pv_list (copies);

  /* Members by hand, so that what is between them is undefined in the original. */
  lv.lv_name = lv.lv_attr = lv.origin = lv.modules = lv.lv_tags = lv.move_pv = lv.mirror_log = (char *) "text";
  memset (lv.lv_uuid, 'u', sizeof lv.lv_uuid);
  lv.lv_major = lv.lv_minor = lv.lv_kernel_major = lv.lv_kernel_minor = lv.seg_count = -1;
  lv.lv_size = 1;
  lv.snap_percent = lv.copy_percent = 0.5;
  lv_copy = guestfs_copy_lvm_lv (&lv);
  CHECK (lv_copy != NULL);
  whole (lv_copy, sizeof *lv_copy);
  guestfs_free_lvm_lv (lv_copy);

  app.app_name = app.app_display_name = app.app_version = app.app_release = app.app_install_path = NULL;
  app.app_trans_path = app.app_publisher = app.app_url = app.app_source_package = app.app_summary = NULL;
  app.app_description = NULL;
  app.app_epoch = 7;
  app_copy = guestfs_copy_application (&app);
  CHECK (app_copy != NULL);
  whole (app_copy, sizeof *app_copy);
  guestfs_free_application (app_copy);

  guestfs_close (g);
  puts ("ok");
  return 0;
}
