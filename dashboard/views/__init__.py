"""The pages, a file each: Streamlit runs the one that is open."""
