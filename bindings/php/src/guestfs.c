/* guestfs.c: the extension guestfs_php: what PHP loads.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "php_guestfs.h"

#include <ext/standard/info.h>
#include <stdio.h>
#include <string.h>

static int
startup (int type, int module_number)
{
  char name[64];
  zend_long all = 0;
  size_t i;

  (void) type;
  php_handle_startup (module_number);
  for (i = 0; i < glue_nr_events; i++) {
    snprintf (name, sizeof name, "GUESTFS_EVENT_%s", glue_events[i].upper);
    zend_register_long_constant (name, strlen (name), (zend_long) glue_events[i].bit, CONST_PERSISTENT, module_number);
    all |= (zend_long) glue_events[i].bit;
  }
  REGISTER_LONG_CONSTANT ("GUESTFS_EVENT_ALL", all, CONST_PERSISTENT);
  return SUCCESS;
}

static void
information (zend_module_entry *module)
{
  guestfs_h *g = guestfs_create_flags (GUESTFS_CREATE_NO_ENVIRONMENT | GUESTFS_CREATE_NO_CLOSE_ON_EXIT);
  struct guestfs_version *v = NULL;
  char text[80] = "unknown";

  (void) module;
  if (g) {
    guestfs_set_error_handler (g, NULL, NULL);
    v = guestfs_version (g);
  }
  if (v) {
    snprintf (text, sizeof text, "%d.%d.%d%s", (int) v->major, (int) v->minor, (int) v->release, v->extra);
    guestfs_free_version (v);
  }
  if (g)
    guestfs_close (g);
  php_info_print_table_start ();
  php_info_print_table_row (2, "libguestfs", text);
  php_info_print_table_end ();
}

/* The version that upstream's extension always had. */
static zend_module_entry module = {
  STANDARD_MODULE_HEADER, "guestfs_php", NULL, startup, NULL, NULL, NULL, information, "1.0", STANDARD_MODULE_PROPERTIES
};

extern zend_module_entry *get_module (void);

__attribute__ ((__visibility__ ("default"))) zend_module_entry *
get_module (void)
{
  module.functions = php_functions ();
  return &module;
}
