/* structs.c: structs as boxed types, by tables of their members.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gobject_guestfs.h"

#include <string.h>

GType
boxed_type (gsize *type, const char *name, GBoxedCopyFunc copy, GBoxedFreeFunc free)
{
  if (g_once_init_enter (type))
    g_once_init_leave (type, g_boxed_type_register_static (name, copy, free));
  return *type;
}

gpointer
boxed_copy (const struct boxed *boxed, gconstpointer s)
{
  char *copy = g_memdup2 (s, boxed->size);
  size_t i;

  for (i = 0; i < boxed->nr_fields; i++) {
    gpointer *member = (gpointer *) (void *) (copy + boxed->fields[i].at);

    if (boxed->fields[i].type == GLUE_FIELD_STR)
      *member = g_strdup (*member);
    else if (boxed->fields[i].type == GLUE_FIELD_BUFFER && *member)
      *member = g_byte_array_append (g_byte_array_new (), ((GByteArray *) *member)->data,
                                     ((GByteArray *) *member)->len);
  }
  return copy;
}

void
boxed_free (const struct boxed *boxed, gpointer s)
{
  size_t i;

  for (i = 0; s && i < boxed->nr_fields; i++) {
    gpointer *member = (gpointer *) (void *) ((char *) s + boxed->fields[i].at);

    if (boxed->fields[i].type == GLUE_FIELD_STR)
      g_free (*member);
    else if (boxed->fields[i].type == GLUE_FIELD_BUFFER && *member)
      g_byte_array_unref (*member);
  }
  g_free (s);
}

#define PUT(TYPE, VALUE) (*(TYPE *) (void *) member = (TYPE) (VALUE))

gpointer
boxed_record (const struct boxed *boxed, const struct glue_frame *f, size_t i)
{
  const struct glue_struct *structure = f->call->structure;
  const void *record = glue_record (f, i);
  char *out = g_malloc0 (boxed->size);
  size_t n;

  for (n = 0; n < boxed->nr_fields; n++) {
    struct glue_item item = glue_field (&structure->fields[n], record);
    char *member = out + boxed->fields[n].at;

    switch (boxed->fields[n].type) {
    case GLUE_FIELD_CHAR: *member = (char) item.n; break;
    case GLUE_FIELD_STR: PUT (gchar *, g_strdup (item.bytes)); break;
    case GLUE_FIELD_BUFFER:
      PUT (GByteArray *, g_byte_array_append (g_byte_array_new (), (const guint8 *) item.bytes, (guint) item.size));
      break;
    case GLUE_FIELD_I32: PUT (gint32, item.n); break;
    case GLUE_FIELD_U32: PUT (guint32, item.u); break;
    case GLUE_FIELD_I64: PUT (gint64, item.n); break;
    case GLUE_FIELD_U64: PUT (guint64, item.u); break;
    case GLUE_FIELD_UUID: memcpy (member, item.bytes, item.size); break;
    case GLUE_FIELD_PERCENT: PUT (gfloat, item.type == GLUE_FLOAT ? item.number : -1); break;
    }
  }
  return out;
}
