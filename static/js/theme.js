// Runs before the first paint, hence an ordinary blocking script: a module would come too late and flash.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme ??= theme;
} catch {
  // Storage is forbidden here: the system's choice stands.
}
