/* java_guestfs.h: what the parts of libguestfs_jni.so share.
 *
 * Class com.redhat.et.libguestfs.Native has the other side: it hands over bytes and numbers only, and is called for
 * everything that is easier said in Java.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef JAVA_GUESTFS_H
#define JAVA_GUESTFS_H

#include "glue.h"

#include <jni.h>

/* library.c */
extern JavaVM *java_vm;         /* NULL once the program ends: nothing of Java can be called then */
extern jclass java_native, java_bytes;
extern jmethodID java_records, java_event;

/* Throw LibGuestFSException, LibGuestFSOutOfMemory, unless something is thrown already. */
extern void java_fail (JNIEnv *env, const char *message, int code);
extern void java_fail_call (JNIEnv *env, const char *call, const char *message, int code);
extern void java_no_memory (JNIEnv *env);

/* byte[], or NULL with an exception. */
extern jbyteArray java_array (JNIEnv *env, const char *bytes, size_t size);

static inline struct glue_handle *
java_handle (jlong handle)
{
  return (struct glue_handle *) (intptr_t) handle;
}

/* call.c */
extern jobject java_call (JNIEnv *env, jclass class, jlong handle, jint index, jobjectArray objects,
                          jlongArray numbers, jlong mask);

/* event.c */
extern jint java_set_event_callback (JNIEnv *env, jclass class, jlong handle, jobject callback, jlong events);
extern void java_delete_event_callback (JNIEnv *env, jclass class, jlong handle, jint id);

#endif /* JAVA_GUESTFS_H */
