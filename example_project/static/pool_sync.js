// Load the list of runs again every second while one is running. Without JavaScript, the list has a link.

const runs = document.getElementById("runs");

function isRunning() {
  return runs.querySelector("[data-state=running]") !== null;
}

async function update() {
  const response = await fetch(runs.dataset.url);
  if (!response.ok) return; // for example 401: the session has expired
  runs.innerHTML = await response.text();
  if (isRunning()) setTimeout(update, 1000);
  else document.getElementById("run-status").textContent = runs.querySelector("h3").textContent.trim();
}

if (isRunning()) setTimeout(update, 1000);
