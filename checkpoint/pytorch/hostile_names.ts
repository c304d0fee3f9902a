/**
 * Names that no file of weights has a use for, and that do harm where a pickle is run: those of the parts of Python's
 * library that start, load, open or evaluate something. Here they would be as inert as any other; a file that has them was
 * made to attack those who run it, and is refused.
 */

/** Modules, with all that is below them. */
const MODULES = [
  ..."_pickle _posixsubprocess _socket _thread asyncio atexit bdb builtins __builtin__ cffi cgi cloudpickle cmd".split(
    " ",
  ),
  ..."code codeop commands concurrent cPickle cProfile ctypes dill distutils doctest ensurepip fileinput ftplib gc"
    .split(
      " ",
    ),
  ..."glob http httplib imp importlib inspect io joblib linecache marshal mmap multiprocessing nt ntpath operator os"
    .split(
      " ",
    ),
  ..."pdb pickle pip pkgutil platform popen2 posix posixpath profile pty pydoc requests runpy select shelve".split(" "),
  ..."shutil signal site smtplib socket socketserver sqlite3 ssl subprocess sys tempfile threading timeit trace".split(
    " ",
  ),
  ..."traceback turtle unittest urllib urllib2 venv webbrowser winreg zipimport".split(" "),
  ..."torch.hub torch.jit torch.load torch.package torch.serialization torch.storage torch._utils torch.utils".split(
    " ",
  ),
  ..."numpy.load numpy.testing numpy.f2py pandas.eval pandas.read_pickle".split(" "),
];

/** What of these is data. */
const HARMLESS = new Set([
  ..."bool bytearray bytes complex dict float frozenset int list long object range set slice str tuple type unicode"
    .split(" ").flatMap((name) => [`builtins.${name}`, `__builtin__.${name}`]),
  // The one call of it that is understood is checked where it is made.
  ...["builtins.getattr", "__builtin__.getattr"],
  ..."_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_with_state".split(" ")
    .map((name) => `torch._utils.${name}`),
  ..."_rebuild_sparse_tensor _rebuild_qtensor _rebuild_device_tensor_from_numpy _rebuild_meta_tensor_no_storage".split(
    " ",
  ).map((name) => `torch._utils.${name}`),
]);

/** Characters of the longest name; no program has one of half of it. */
const LONGEST_NAME = 500;

/** Whether a name is one that only an attack asks for: `posix.system`, `builtins.eval`, and what is no name at all. */
export function isHostileName(name: string): boolean {
  if (HARMLESS.has(name)) return false;
  if (name.length > LONGEST_NAME || !/^[\p{L}_][\p{L}\p{N}_]*(\.[\p{L}_][\p{L}\p{N}_]*)+$/u.test(name)) return true;
  return MODULES.some((module) => name.startsWith(`${module}.`) || name === module);
}
