// Sends a recording to /score and shows the answer. Everything that comes back is put into the page
// as text or as an image, never as markup.
const at = (id) => document.getElementById(id);
let recording = null; // what is scored: a Blob
let asked = 0; // answers to older questions are dropped
let urls = [];

function say(text, isError = false) {
  at("status").textContent = text;
  at("status").classList.toggle("error", isError);
}

function urlOf(blob) {
  const url = URL.createObjectURL(blob);
  urls.push(url);
  return url;
}

async function take(blob) {
  recording = blob;
  urls.forEach(URL.revokeObjectURL);
  urls = [];
  at("player").src = urlOf(blob);
  await score();
}

async function score() {
  if (!recording) return;
  const number = ++asked;
  say("Scoring …");
  const query = new URLSearchParams({
    threshold: at("threshold").value,
    name: recording.name ?? "",
    // What axis and labels leave of the page.
    width: Math.round(document.querySelector("main").clientWidth - 110),
  });
  if (at("prior").value) query.set("prior", Number(at("prior").value) / 100);
  if (at("cost").value) query.set("cost_ratio", at("cost").value);
  let answer;
  try {
    const reply = await fetch(`score?${query}`, { method: "POST", body: recording });
    answer = await reply.json();
  } catch {
    answer = { error: "score.py does not answer: does it still run?" };
  }
  if (number !== asked) return;
  at("result").hidden = "error" in answer;
  if ("error" in answer) {
    say(`This cannot be scored: ${answer.error}`, true);
    return;
  }
  say("");
  show(answer);
}

const words = {
  "bona fide": "Sounds like a person (bona fide)",
  "spoof": "Sounds synthetic (spoof)",
  "not sure": "Not sure",
  "no speech": "No speech to decide on",
};

// Shows a text, or hides its place where there is none.
function tell(id, text) {
  at(id).hidden = !text;
  at(id).textContent = text;
}

const seconds = (value) => `${value.toFixed(1)} s`;

function show(answer) {
  const scored = answer.score !== null;
  at("decision").textContent = words[answer.decision];
  at("decision").className = answer.decision.replace(" ", "-");
  at("numbers").textContent = scored
    ? `score ${answer.score.toFixed(2)}, probability of bona fide ` +
      `${(100 * answer.probability).toFixed(1)} %`
    : "";
  tell("partly", answer.partly_spoofed ? `Partly spoofed? From ` +
    `${answer.partly_spoofed.map(seconds).join(" to ")} it sounds synthetic, and the rest does ` +
    "not." : "");
  tell("unlike", answer.unlike_training ? "This recording is unlike those that the detector was " +
    `trained on: ${answer.unlike_training}. What its score means here is not known.` : "");
  tell("channel", answer.channels.length ? `Its channels differ: ${answer.note}. Each was scored ` +
    "by itself, and the most suspicious one decides: " + answer.channels.map((one) =>
    `${one.channel} ${one.decision}${one.score === null ? "" : ` (${one.score.toFixed(2)})`}`
    ).join(", ") + "." : answer.note ?? "");
  tell("reason", scored ? "" : `${answer.reason}. A recording needs speech: silence, noise and ` +
    "music say nothing about a voice.");
  const lowest = scored && answer.segments > 1 ? `, ${answer.segments} segments, the lowest ` +
    `${answer.lowest.toFixed(2)} at ${seconds(answer.lowest_start)} to ` +
    `${seconds(answer.lowest_end)}` : "";
  at("rule").textContent = `${seconds(answer.speech)} of speech in ` +
    `${seconds(answer.seconds)}${lowest}. Rule: ${answer.threshold}`;
  at("limits-of-model").textContent = answer.limits;
  at("picture").hidden = !answer.svg;
  if (answer.svg) {
    at("picture").src = urlOf(new Blob([answer.svg], { type: "image/svg+xml" }));
    at("picture").alt = `Score over time above the spectrogram: ${answer.decision}`;
  }
  at("explanation").replaceChildren(...answer.explanation.split("\n\n").map((text) => {
    const paragraph = document.createElement("p");
    paragraph.textContent = text;
    return paragraph;
  }));
}

let recorder = null;

async function toggleRecording() {
  if (recorder) {
    recorder.stop();
    return;
  }
  let stream;
  try {
    // What a call sounds like, not what a browser makes of it.
    stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
  } catch (error) {
    say(`The microphone cannot be used: ${error.message}`, true);
    return;
  }
  const parts = [];
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = async () => {
    stream.getTracks().forEach((track) => track.stop());
    const type = recorder.mimeType;
    recorder = null;
    at("record").textContent = "Record";
    at("record").setAttribute("aria-pressed", "false");
    try {
      await take(new Blob(parts, { type }));
    } catch (error) {
      say(`The recording cannot be used: ${error.message}`, true);
    }
  };
  recorder.start();
  at("record").textContent = "Stop";
  at("record").setAttribute("aria-pressed", "true");
  say("Recording …");
}

at("file").addEventListener("change", () => at("file").files[0] && take(at("file").files[0]));
at("record").addEventListener("click", toggleRecording);
at("how").addEventListener("change", score);
at("how").addEventListener("submit", (event) => event.preventDefault());
for (const name of ["dragover", "dragleave", "drop"]) {
  at("drop").addEventListener(name, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
}

const about = await (await fetch("about")).json();
const names = {
  band: "three answers: person, synthetic, not sure",
  even: "what fits better (0)",
  bayes: "least cost",
  eer: "equal error rates on dev",
  far1: "1 % of synthetic recordings accepted on dev",
  far5: "5 % of synthetic recordings accepted on dev",
  frr5: "5 % of real recordings rejected on dev",
};
at("threshold").replaceChildren(...about.thresholds.map((name) => {
  const option = document.createElement("option");
  option.value = name;
  option.textContent = names[name] ?? name;
  return option;
}));
at("model").textContent = about.model;
at("limits-of-model").textContent = about.limits;
at("card").textContent = about.card || "This model came without a card.";
at("limits").textContent = `At least ${about.min_speech_seconds} s of speech, up to ` +
  `${about.max_seconds / 60} minutes and ${Math.round(about.max_bytes / 2 ** 20)} MiB; any format ` +
  "of phones and computers";
document.body.dataset.ready = "yes";
