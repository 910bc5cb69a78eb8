/* handle.c: handles, and the frame of every call.
 *
 * A handle that is closed while other threads, or the callback that closes it, are inside a call goes away when the
 * last of them is out. Counts are guarded by a lock of their own, as not every language has one.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "glue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct glue_block {
  struct glue_block *next;
  void *data[];                 /* aligned for pointers and bytes alike */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct glue_handle *open_handles;

struct glue_handle *
glue_create (unsigned flags)
{
  struct glue_handle *h = calloc (1, sizeof *h);

  if (h == NULL)
    return NULL;
  h->close_on_exit = !(flags & GUESTFS_CREATE_NO_CLOSE_ON_EXIT);
  h->g = guestfs_create_flags (flags | GUESTFS_CREATE_NO_CLOSE_ON_EXIT);
  if (h->g == NULL) {
    free (h);
    return NULL;
  }
  guestfs_set_error_handler (h->g, NULL, NULL);
  pthread_mutex_lock (&lock);
  h->next = open_handles;
  open_handles = h;
  pthread_mutex_unlock (&lock);
  return h;
}

static void
close_g (void *g)
{
  guestfs_close (g);
}

/* Close a handle that nobody is in, unless it is closed already. */
static void
close_now (struct glue_handle *h)
{
  struct glue_handle **at;
  guestfs_h *g;

  pthread_mutex_lock (&lock);
  g = h->g;
  h->g = NULL;
  for (at = &open_handles; *at; at = &(*at)->next)
    if (*at == h) {
      *at = h->next;
      break;
    }
  pthread_mutex_unlock (&lock);
  if (g) {
    glue_language.unlocked (NULL, close_g, g);
    glue_sweep_callbacks (h, 1);
  }
}

void
glue_close (struct glue_handle *h)
{
  int busy;

  pthread_mutex_lock (&lock);
  busy = h->busy > 0;
  h->closing = 1;
  pthread_mutex_unlock (&lock);
  if (!busy)
    close_now (h);
}

void
glue_free (struct glue_handle *h)
{
  close_now (h);
  free (h);
}

struct glue_handle *
glue_to_close (void)
{
  struct glue_handle *h;

  pthread_mutex_lock (&lock);
  for (h = open_handles; h && (h->busy || !h->close_on_exit); h = h->next)
    ;
  pthread_mutex_unlock (&lock);
  return h;
}

void
glue_close_all (void)
{
  struct glue_handle *h;

  while ((h = glue_to_close ()))
    close_now (h);
}

void
glue_cancel (struct glue_handle *h)
{
  /* While the lock is held nobody ends a call, and so nobody closes what this is about. */
  pthread_mutex_lock (&lock);
  if (h->g && h->busy > 0)
    guestfs_user_cancel (h->g);
  pthread_mutex_unlock (&lock);
}

unsigned
glue_cancel_all (void)
{
  struct glue_handle *h;
  unsigned n = 0;

  pthread_mutex_lock (&lock);
  for (h = open_handles; h; h = h->next)
    if (h->busy > 0) {
      guestfs_user_cancel (h->g);
      n++;
    }
  pthread_mutex_unlock (&lock);
  return n;
}

int
glue_is_open (const struct glue_handle *h)
{
  return h->g && !h->closing;
}

int
glue_begin (struct glue_frame *f, struct glue_handle *h, const struct glue_call *call)
{
  int closed;

  pthread_mutex_lock (&lock);
  closed = !glue_is_open (h);
  if (!closed)
    h->busy++;
  pthread_mutex_unlock (&lock);
  if (closed)
    return -1;
  f->handle = h;
  f->g = h->g;
  f->call = call;
  f->mask = 0;
  f->has_result = 0;
  f->blocks = NULL;
  f->watched = 0;
  f->interrupted = 0;
  return 0;
}

void *
glue_room (struct glue_frame *f, size_t size)
{
  struct glue_block *block = size > SIZE_MAX - sizeof *block ? NULL : malloc (sizeof *block + size);

  if (block == NULL)
    return NULL;
  block->next = f->blocks;
  f->blocks = block;
  return block->data;
}

char *
glue_copy (struct glue_frame *f, const char *bytes, size_t size)
{
  char *copy = size == SIZE_MAX ? NULL : glue_room (f, size + 1);

  if (copy == NULL)
    return NULL;
  if (size > 0)
    memcpy (copy, bytes, size);
  copy[size] = '\0';
  return copy;
}

union glue_value *
glue_give (struct glue_frame *f, unsigned option)
{
  f->mask |= UINT64_C (1) << option;
  return &f->values[f->call->nr_args + option];
}

static void
run (void *arg)
{
  struct glue_frame *f = arg;

  f->call->run (f->g, f->values, f->mask, &f->result);
}

int
glue_run (struct glue_frame *f)
{
  unsigned i;

  if (f->call->entry == NULL)
    return -1;
  /* What is not given is not looked at, but copied. */
  for (i = 0; i < f->call->nr_opts; i++)
    if (!(f->mask & UINT64_C (1) << i))
      memset (&f->values[f->call->nr_args + i], 0, sizeof f->values[0]);
  memset (&f->result, 0, sizeof f->result);
  glue_language.unlocked (f, run, f);
  switch (f->call->kind) {
  case GLUE_RESULT_NONE: case GLUE_RESULT_BOOL: case GLUE_RESULT_INT:
    return f->result.i == -1 ? -1 : 0;
  case GLUE_RESULT_INT64:
    return f->result.n == -1 ? -1 : 0;
  case GLUE_RESULT_CONST_OPT_STR:
    return 0;
  case GLUE_RESULT_CONST_STR:
    return f->result.text ? 0 : -1;
  case GLUE_RESULT_STR: case GLUE_RESULT_BUFFER: case GLUE_RESULT_STR_LIST: case GLUE_RESULT_HASH:
  case GLUE_RESULT_STRUCT: case GLUE_RESULT_STRUCT_LIST:
    f->has_result = f->result.record != NULL;
  }
  return f->has_result ? 0 : -1;
}

const char *
glue_error (struct glue_frame *f)
{
  const char *text;

  if (f->call && f->call->entry == NULL)
    return "the libguestfs that is loaded does not have this call: it is older than the binding";
  text = guestfs_last_error (f->g);
  return text ? text : "unknown error";
}

int
glue_errno (struct glue_frame *f)
{
  return f->call && f->call->entry == NULL ? ENOTSUP : guestfs_last_errno (f->g);
}

static void
free_result (struct glue_frame *f)
{
  char **p;

  switch (f->call->kind) {
  case GLUE_RESULT_STR_LIST: case GLUE_RESULT_HASH:
    for (p = f->result.list; *p; p++)
      free (*p);
    free (f->result.list);
    break;
  case GLUE_RESULT_STRUCT:
    f->call->structure->free (f->result.record);
    break;
  case GLUE_RESULT_STRUCT_LIST:
    f->call->structure->free_list (f->result.record);
    break;
  default:
    free (f->result.s);
  }
}

void
glue_end (struct glue_frame *f)
{
  struct glue_handle *h = f->handle;
  int last;

  if (f->has_result)
    free_result (f);
  f->has_result = 0;
  while (f->blocks) {
    struct glue_block *block = f->blocks;

    f->blocks = block->next;
    free (block);
  }
  pthread_mutex_lock (&lock);
  h->busy--;
  last = h->closing && h->busy == 0;
  pthread_mutex_unlock (&lock);
  if (last)
    close_now (h);
  else
    glue_sweep_callbacks (h, 0);
}

const struct glue_call *
glue_find (const char *name)
{
  size_t low = 0, high = glue_nr_calls, size = strlen (name);

  while (low < high) {
    size_t mid = low + (high - low) / 2;
    int order = strcmp (name, glue_calls[mid].name);

    if (order == 0)
      return &glue_calls[mid];
    if (order < 0)
      high = mid;
    else
      low = mid + 1;
  }
  /* An alias is the name and a few letters: the call sorts before it, though not always directly. */
  if (size > 5 && strcmp (name + size - 5, "_opts") == 0)
    for (low = 0; low < glue_nr_calls; low++)
      if (glue_calls[low].alias && strcmp (glue_calls[low].alias, name) == 0)
        return &glue_calls[low];
  return NULL;
}

int
glue_option (const struct glue_call *call, const char *name, size_t size)
{
  unsigned i;

  for (i = 0; i < call->nr_opts; i++) {
    const char *option = call->params[call->nr_args + i].name;

    if (strlen (option) == size && memcmp (option, name, size) == 0)
      return (int) i;
  }
  return -1;
}
