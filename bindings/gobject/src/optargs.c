/* optargs.c: options of calls as the properties of an object.
 *
 * One implementation over the table of calls; a class differs only in its call. What is -1, NULL or neither true nor
 * false is not given.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gobject_guestfs.h"

#include <errno.h>
#include <string.h>

union option {
  gint i;
  gint64 n;
  gchar *s;
  gchar **list;
};

struct options {
  GObject parent;
  struct {
    const struct glue_call *call;
    union option values[];
  } *priv;
};

static GQuark
call_quark (void)
{
  return g_quark_from_static_string ("guestfs-call");
}

static gpointer parent_class;

static enum glue_shape
shape_of (const struct options *o, unsigned option)
{
  return o->priv->call->params[o->priv->call->nr_args + option].shape;
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec G_GNUC_UNUSED)
{
  struct options *o = (struct options *) (void *) object;
  union option *option = &o->priv->values[id - 1];

  switch (shape_of (o, id - 1)) {
  case GLUE_BOOL: option->i = g_value_get_enum (value); break;
  case GLUE_INT: option->i = g_value_get_int (value); break;
  case GLUE_INT64: option->n = g_value_get_int64 (value); break;
  case GLUE_STR_LIST:
    g_strfreev (option->list);
    option->list = g_value_dup_boxed (value);
    break;
  default:
    g_free (option->s);
    option->s = g_value_dup_string (value);
  }
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *spec G_GNUC_UNUSED)
{
  struct options *o = (struct options *) (void *) object;
  const union option *option = &o->priv->values[id - 1];

  switch (shape_of (o, id - 1)) {
  case GLUE_BOOL: g_value_set_enum (value, option->i); break;
  case GLUE_INT: g_value_set_int (value, option->i); break;
  case GLUE_INT64: g_value_set_int64 (value, option->n); break;
  case GLUE_STR_LIST: g_value_set_boxed (value, option->list); break;
  default: g_value_set_string (value, option->s);
  }
}

static void
finalize (GObject *object)
{
  struct options *o = (struct options *) (void *) object;
  unsigned i;

  for (i = 0; i < o->priv->call->nr_opts; i++) {
    if (shape_of (o, i) == GLUE_STR_LIST)
      g_strfreev (o->priv->values[i].list);
    else if (shape_of (o, i) == GLUE_STR)
      g_free (o->priv->values[i].s);
  }
  g_free (o->priv);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static GParamSpec *
property (const struct glue_param *p)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  switch (p->shape) {
  case GLUE_BOOL:
    return g_param_spec_enum (p->name, p->name, p->name, GUESTFS_TYPE_TRISTATE, GUESTFS_TRISTATE_NONE, flags);
  case GLUE_INT: return g_param_spec_int (p->name, p->name, p->name, G_MININT32, G_MAXINT32, -1, flags);
  case GLUE_INT64: return g_param_spec_int64 (p->name, p->name, p->name, G_MININT64, G_MAXINT64, -1, flags);
  case GLUE_STR_LIST: return g_param_spec_boxed (p->name, p->name, p->name, G_TYPE_STRV, flags);
  default: return g_param_spec_string (p->name, p->name, p->name, NULL, flags);
  }
}

static void
class_init (gpointer klass, gpointer data)
{
  const struct glue_call *call = data;
  GObjectClass *object_class = klass;
  unsigned i;

  parent_class = g_type_class_peek (G_TYPE_OBJECT);
  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->finalize = finalize;
  for (i = 0; i < call->nr_opts; i++)
    g_object_class_install_property (object_class, i + 1, property (&call->params[call->nr_args + i]));
}

/* The call whose options a class is, or NULL. A language may have derived the class from ours. */
static const struct glue_call *
call_of (GType type)
{
  const struct glue_call *call = NULL;

  for (; call == NULL && type; type = g_type_parent (type))
    call = g_type_get_qdata (type, call_quark ());
  return call;
}

static void
instance_init (GTypeInstance *instance, gpointer klass)
{
  struct options *o = (struct options *) (void *) instance;
  const struct glue_call *call = call_of (G_TYPE_FROM_CLASS (klass));

  o->priv = g_malloc0 (sizeof *o->priv + call->nr_opts * sizeof o->priv->values[0]);
  o->priv->call = call;
}

GType
options_type (gsize *type, const char *name, unsigned index)
{
  if (g_once_init_enter (type)) {
    const struct glue_call *call = &glue_calls[index];
    const GTypeInfo info = {
      .class_size = sizeof (GObjectClass), .class_init = class_init, .class_data = call,
      .instance_size = sizeof (struct options), .instance_init = instance_init
    };
    GType new = g_type_register_static (G_TYPE_OBJECT, name, &info, 0);

    g_type_set_qdata (new, call_quark (), (gpointer) call);
    g_once_init_leave (type, new);
  }
  return *type;
}

static char **
copy_list (struct glue_frame *f, char **list)
{
  size_t i, n = g_strv_length (list);
  char **copy = glue_room (f, (n + 1) * sizeof *copy);

  for (i = 0; copy && i < n; i++)
    if ((copy[i] = glue_copy (f, list[i], strlen (list[i]))) == NULL)
      return NULL;
  if (copy)
    copy[n] = NULL;
  return copy;
}

static gboolean
give (const struct options *o, struct glue_frame *f)
{
  unsigned i;

  for (i = 0; i < f->call->nr_opts; i++) {
    const union option *option = &o->priv->values[i];

    switch (shape_of (o, i)) {
    case GLUE_BOOL:
      if (option->i != GUESTFS_TRISTATE_NONE)
        glue_give (f, i)->i = option->i;
      break;
    case GLUE_INT:
      if (option->i != -1)
        glue_give (f, i)->i = option->i;
      break;
    case GLUE_INT64:
      if (option->n != -1)
        glue_give (f, i)->n = option->n;
      break;
    case GLUE_STR_LIST:
      if (option->list && (glue_give (f, i)->list = copy_list (f, option->list)) == NULL)
        return FALSE;
      break;
    default:
      if (option->s && (glue_give (f, i)->s = glue_copy (f, option->s, strlen (option->s))) == NULL)
        return FALSE;
    }
  }
  return TRUE;
}

gboolean
options_give (gpointer options, struct glue_frame *f, GError **err)
{
  if (call_of (G_OBJECT_TYPE (options)) != f->call) {
    g_set_error (err, GUESTFS_ERROR, EINVAL, "%s: a %s has no options of this call", f->call->name,
                 G_OBJECT_TYPE_NAME (options));
    return FALSE;
  }
  if (!give (options, f)) {
    g_set_error_literal (err, GUESTFS_ERROR, ENOMEM, "out of memory");
    return FALSE;
  }
  return TRUE;
}
